//! The outside world around the application: what the gateway is made of besides its rules and actors.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod app;
pub mod batches;
pub mod cli;
pub mod client;
pub mod config;
pub mod demo;
pub mod http;
pub mod keys;
pub mod listener;
pub mod logging;
pub mod monitor;
pub mod papers;
pub mod prices;
pub mod signals;
mod spill;
pub mod store;
pub mod supervisor;
pub mod terminal;
pub mod tls;
pub mod upstream;
pub mod watch;
