//! Crashes at each boundary where one hurts: real processes, real sockets, a real abort.
//!
//! Needs the feature `fail-points`; `cargo xtask test` runs it.

#[path = "../mongod/mod.rs"]
mod mongod;
mod panics;
mod place;
mod points;
mod scene;
