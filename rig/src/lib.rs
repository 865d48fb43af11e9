//! The gateway and its upstream as processes of their own, and clients that do not give up.
//!
//! Tests and chores share it. It knows the gateway only as its users do: by its command line, its log and its API.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod abuse;
pub mod client;
pub mod command;
pub mod ledger;
pub mod port;
pub mod running;
