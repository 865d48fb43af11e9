//! `batch-gpt monitor`: the batches of a running gateway on a terminal.
//!
//! [`state`] decides: events go in, a changed state and orders come out. It knows no clock and no socket. [`draw`] puts
//! a state on a screen and changes nothing. [`screen`] has the terminal, the keys and the gateway, and lets the two
//! work.

mod args;
pub mod cursor;
pub mod draw;
mod keyboard;
pub mod layout;
mod once;
pub mod picture;
pub mod reading;
mod screen;
pub mod state;
pub mod tab;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

pub use args::MonitorArgs;

use crate::client::{Address, Api, USAGE};

/// Runs the monitor until the user leaves it.
pub async fn run(args: &MonitorArgs) -> ExitCode {
    let address = match Address::parse(&args.gateway.url) {
        Ok(address) => address,
        Err(bad) => return failed(&bad.to_string(), USAGE),
    };
    let api = match Api::new(address, args.gateway.api_key.clone()) {
        Ok(api) => api,
        Err(fault) => return failed(&fault.to_string(), fault.exit_code()),
    };
    if args.once {
        return once::run(&api).await;
    }
    if !(io::stdout().is_terminal() && io::stdin().is_terminal()) {
        return failed("this is no terminal; --once prints plain text", USAGE);
    }
    match screen::run(api, args.interval).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&format!("the terminal fails: {error}"), 1),
    }
}

fn failed(why: &str, code: u8) -> ExitCode {
    eprintln!("batch-gpt: {why}");
    ExitCode::from(code)
}
