//! Floors: the least that each kind of work costs with the same libraries.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod copy;
mod serve;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use serde_json::Value;

/// What to compare a gateway with.
#[derive(Debug, Parser)]
enum Cli {
    /// A bare server: it answers, parks, takes and sends.
    Serve,
    #[command(flatten)]
    Copy(Copy),
}

#[derive(Debug, Subcommand)]
enum Copy {
    /// Send bytes to a server.
    Upload {
        /// Where to.
        url: String,
        /// How many.
        bytes: u64,
    },
    /// Read what a server sends.
    Download {
        /// Where from.
        url: String,
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
        Cli::Serve => serve().await,
        Cli::Copy(copy) => copied(copy).await.map(|report| println!("{report}")),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("floor: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), String> {
    rlimit::increase_nofile_limit(u64::MAX).map_err(|error| error.to_string())?;
    serve::run().await.map_err(|error| error.to_string())
}

async fn copied(copy: Copy) -> Result<Value, String> {
    match copy {
        Copy::Upload { url, bytes } => copy::upload(&url, bytes).await.map_err(|error| error.to_string()),
        Copy::Download { url } => copy::download(&url).await.map_err(|error| error.to_string()),
        Copy::Scan { file } => copy::scan(&file).map_err(|error| error.to_string()),
    }
}
