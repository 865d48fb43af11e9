//! Fills an embedded store with answers of earlier days.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{path::PathBuf, process::ExitCode};

use batch_gpt::store::Location;
use batch_gpt_bench::history::fill;
use clap::Parser;

/// What to fill, and how far.
#[derive(Debug, Parser)]
struct Cli {
    /// Folder of the store.
    folder: PathBuf,
    /// Answered requests; whole batches of 10,000 are made.
    answers: usize,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let location = Location::Embedded { folder: cli.folder };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let filled = runtime.map_err(|error| error.to_string()).and_then(|runtime| {
        runtime.block_on(fill(&location, cli.answers, 0)).map_err(|fault| fault.to_string())
    });
    match filled {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("fill: {why}");
            ExitCode::FAILURE
        }
    }
}
