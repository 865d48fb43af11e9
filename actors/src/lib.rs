//! The application: rules that decide, and thin actors around them that do.
//!
//! [`rules`] is pure. Around it stand four kinds of actors, each the owner of one piece of state, and the ports
//! through which they reach the outside world. This crate knows no HTTP and no database, and its manifest keeps it
//! so.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod acquaintance;
pub mod alarm;
pub mod batch_submitter;
pub mod board;
pub mod cell;
pub mod clock;
pub mod collector;
pub mod counters;
pub mod drain;
pub mod fail_point;
pub mod file_remover;
mod held;
mod inheritance;
mod job;
pub mod ledger;
pub mod links;
pub mod memory;
pub mod meter;
pub mod mutation;
mod outgoing;
pub mod permits;
pub mod poller;
pub mod pollers;
pub mod pool;
pub mod ports;
mod reading;
pub mod rules;
mod scan;
pub mod status_logger;
mod submission;
pub mod sweeper;
pub mod system;
pub mod waiting_room;
