//! A gateway's batches on a terminal: the command `batches` and the monitor.

#[path = "../gateway/process.rs"]
mod process;

mod batches;
mod client;
mod once;
mod scene;
mod screens;
mod tmux;
