//! Faults of the place where the embedded store lives: what cannot be used is refused in one clear line and left as it
//! is, and what fails in the middle is waited for.

mod full;
mod gateway;
mod mounted;
mod refusals;
