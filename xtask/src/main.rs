//! Chores of the repository: `cargo xtask --help` lists them.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod abuse;
mod acceptance;
mod api;
mod bench;
mod cancellation;
mod clients;
mod crash;
mod database;
mod docs;
mod fuzz;
mod mongod;
mod newcomer;
mod node;
mod process;
mod python;
mod repository;
mod scene;
mod stamp;
mod steps;
mod storm;
mod supply;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chores of the repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// One chore.
#[derive(Debug, Subcommand)]
enum Command {
    /// Run every test, with the tools they need installed under the target folder.
    Test(test::TestArgs),
    /// Run the part of `test` in which clients and frameworks meet a running gateway.
    Clients(test::TestArgs),
    /// Kill the gateway at random instants under load, and see whether anything is lost or paid twice.
    Crash(crash::CrashArgs),
    /// Let thousands of clients ask while much goes wrong upstream, and see whether each gets its own outcome.
    Storm(storm::StormArgs),
    /// Damage bytes for everything that reads other people's, and see whether anything stumbles.
    Fuzz(fuzz::FuzzArgs),
    /// Hold what the program is made of against deny.toml: licences, bans, sources; and look for unused dependencies.
    Supply,
    /// Examine the API of a running gateway against its document.
    Api(api::ApiArgs),
    /// Write what documents say of the command line.
    Docs,
    /// Type what the README tells newcomers to type, on a clean clone.
    Newcomer(newcomer::NewcomerArgs),
    /// Measure what well-behaved clients get while thousands of others mean no good.
    Abuse(abuse::AbuseArgs),
    /// Measure the gateway against floors in alternating runs, and write it down.
    Bench(bench::BenchArgs),
}

fn main() -> ExitCode {
    let chore = match Cli::parse().command {
        Command::Test(args) => test::run(&args),
        Command::Clients(args) => clients::alone(args.questions.as_deref()),
        Command::Crash(args) => crash::run(&args),
        Command::Storm(args) => storm::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Supply => supply::run(),
        Command::Api(args) => api::run(&args),
        Command::Docs => docs::run(),
        Command::Newcomer(args) => newcomer::run(&args),
        Command::Abuse(args) => abuse::run(&args),
        Command::Bench(args) => bench::run(&args),
    };
    match chore {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}
