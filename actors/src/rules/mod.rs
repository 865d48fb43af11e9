//! Everything that decides, and nothing that does: no clock, no I/O, no randomness, no actors.

pub mod admission;
pub mod batch;
pub mod body;
pub mod census;
pub mod collate;
pub mod fault;
pub mod fingerprint;
pub mod hold;
pub mod ids;
mod json;
pub mod lane;
pub mod leftover;
pub mod lines;
pub mod outcome;
pub mod pace;
pub mod rate;
pub mod record;
pub mod refusal;
pub mod resend;
pub mod results;
pub mod retry;
pub mod time;
pub mod trouble;
pub mod upstream_batch;
