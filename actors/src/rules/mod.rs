//! Everything that decides, and nothing that does: no clock, no I/O, no randomness, no actors.

pub mod fault;
pub mod fingerprint;
pub mod ids;
pub mod lane;
pub mod outcome;
pub mod record;
pub mod time;
pub mod upstream_batch;
