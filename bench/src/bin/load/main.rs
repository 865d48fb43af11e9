//! A load generator that costs less than what it measures: one thread, plain TCP, HTTP written by hand.
//!
//! It prints lines of JSON. Everything about it is bounded, in number and in time.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod connection;
mod crowd;
mod loops;
mod question;
mod tally;

use std::{net::SocketAddr, process::ExitCode};

use clap::{Parser, Subcommand};

use connection::Route;

/// Puts load on a server.
#[derive(Debug, Parser)]
struct Cli {
    /// The server's address.
    #[arg(long)]
    target: SocketAddr,
    /// Loopback addresses to connect from.
    #[arg(long, default_value_t = 4)]
    sources: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Clients that ask again as soon as they have their answer.
    Loops(loops::LoopsArgs),
    /// Clients that ask once, all at the same time, and wait.
    Crowd(crowd::CrowdArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let limit = rlimit::increase_nofile_limit(u64::MAX);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let route = Route { target: cli.target, sources: cli.sources };
    let report = limit.and(runtime).and_then(|runtime| {
        runtime.block_on(async {
            match &cli.command {
                Command::Loops(args) => loops::run(route, args).await,
                Command::Crowd(args) => crowd::run(route, args).await,
            }
        })
    });
    match report {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}
