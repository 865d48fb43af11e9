//! `batch-gpt batches`: the batches of a running gateway, for people and for scripts.

mod args;
mod list;
mod output;

use std::{io, process::ExitCode};

pub use args::{BatchesArgs, Command, Format, ListArgs, OneArgs, Wanted};

use crate::client::{Address, Api, BadAddress, Fault, USAGE};
use output::Output;

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Usage(#[from] BadAddress),
    #[error(transparent)]
    Gateway(#[from] Fault),
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

/// Runs a command. What it found goes to standard output, everything else to standard error.
pub async fn run(args: &BatchesArgs) -> ExitCode {
    match obey(&args.command).await {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads has seen enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("batch-gpt: {failure}");
            match failure {
                Failure::Usage(_) => ExitCode::from(USAGE),
                Failure::Gateway(fault) => ExitCode::from(fault.exit_code()),
                Failure::Output(_) => ExitCode::FAILURE,
            }
        }
    }
}

async fn obey(command: &Command) -> Result<(), Failure> {
    let gateway = command.gateway();
    let api = Api::new(Address::parse(&gateway.url)?, gateway.api_key.clone())?;
    let output = Output::new(command.format());
    match command {
        Command::List(args) => {
            let mut found = list::find(&api, &args.status, args.limit).await?;
            if command.format() == Format::Table {
                api.name_models(&mut found.batches).await?;
            }
            output.list(&found.batches)?;
            if found.batches.is_empty() {
                eprintln!("no such batches");
            }
            if found.has_more {
                eprintln!("there are more; --limit 0 lists all");
            }
        }
        Command::Show(args) => {
            let mut batch = api.batch(&args.id).await?;
            api.name_models(std::slice::from_mut(&mut batch)).await?;
            output.one(&batch)?;
        }
        Command::Cancel(args) => {
            let batch = api.cancel(&args.id).await?;
            output.one(&batch)?;
            eprintln!("{} is {}", batch.id, batch.status);
        }
    }
    Ok(())
}
