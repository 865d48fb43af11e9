//! Floors: the least that each kind of work costs with the same libraries.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod copy;
mod file;
mod serve;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use serde_json::Value;

/// What to compare a gateway with.
#[derive(Debug, Parser)]
enum Cli {
    /// A bare server: it answers, parks, takes and sends.
    Serve {
        /// What it sends.
        #[arg(long)]
        source: Option<PathBuf>,
    },
    #[command(flatten)]
    Copy(Copy),
}

#[derive(Debug, Subcommand)]
enum Copy {
    /// Send a file to a server.
    Upload {
        /// Where to.
        url: String,
        /// The file.
        file: PathBuf,
    },
    /// Write what a server sends into a file.
    Download {
        /// Where from.
        url: String,
        /// The file.
        file: PathBuf,
    },
    /// Write bytes into a file, and have the disk take each mebibyte before the next.
    Land {
        /// The file.
        file: PathBuf,
        /// How many.
        bytes: u64,
    },
    /// Read a file, and look for the ends of its lines.
    Scan {
        /// The file.
        file: PathBuf,
    },
}

#[actix_web::main]
async fn main() -> ExitCode {
    let ended = match Cli::parse() {
        Cli::Serve { source } => serve(source).await,
        Cli::Copy(copy) => {
            let copied = copied(copy).await;
            copied.map(|report| println!("{report}")).map_err(|error| error.to_string())
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("floor: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(source: Option<PathBuf>) -> Result<(), String> {
    rlimit::increase_nofile_limit(u64::MAX).map_err(|error| error.to_string())?;
    serve::run(source).await.map_err(|error| error.to_string())
}

async fn copied(copy: Copy) -> Result<Value, Box<dyn std::error::Error>> {
    match copy {
        Copy::Upload { url, file } => copy::upload(&url, &file).await,
        Copy::Download { url, file } => copy::download(&url, &file).await,
        Copy::Land { file, bytes } => Ok(copy::land(&file, bytes)?),
        Copy::Scan { file } => Ok(copy::scan(&file)?),
    }
}
