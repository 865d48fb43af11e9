//! The command line of `batches`.

use batch_gpt_actors::rules::upstream_batch::BatchStatus;
use clap::{Args, Subcommand, ValueEnum};

use crate::client::{Batch, EXIT_CODES, GatewayArgs};

/// Flags of `batches`.
#[derive(Debug, Args)]
pub struct BatchesArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const LIST_HELP: &str = "\
Examples:
  batch-gpt batches list
  batch-gpt batches list --status active
  batch-gpt batches list --limit 0 --output jsonl | jq -r .id";

const CANCEL_HELP: &str = "\
Examples:
  batch-gpt batches cancel batch_123
  batch-gpt batches list --status active --limit 0 --output jsonl | jq -r .id |
    xargs -n 1 batch-gpt batches cancel";

/// What to do with batches.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List batches, newest first
    #[command(after_help = format!("{LIST_HELP}\n\n{EXIT_CODES}"))]
    List(ListArgs),
    /// Show one batch: its times, counts, files, errors
    #[command(after_help = EXIT_CODES)]
    Show(OneArgs),
    /// Cancel one batch; what is finished of it is paid for, and its clients get it
    #[command(after_help = format!("{CANCEL_HELP}\n\n{EXIT_CODES}"))]
    Cancel(OneArgs),
}

/// Flags of `batches list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Which gateway.
    #[command(flatten)]
    pub gateway: GatewayArgs,
    /// Only batches with one of these statuses
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    pub status: Vec<Wanted>,
    /// Most batches to list; 0: all
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
    /// In which form
    #[arg(long, value_name = "FORM", default_value = "table")]
    pub output: Format,
}

/// Flags of `batches show` and `batches cancel`.
#[derive(Debug, Args)]
pub struct OneArgs {
    /// The batch's id
    pub id: String,
    /// Which gateway.
    #[command(flatten)]
    pub gateway: GatewayArgs,
    /// In which form
    #[arg(long, value_name = "FORM", default_value = "table")]
    pub output: Format,
}

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// The object as the upstream wrote it; a list is an array of them
    Json,
    /// The same, an object a line
    Jsonl,
}

/// Which batches are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Wanted {
    /// All that have not come to their end
    Active,
    /// The input file is being checked
    Validating,
    /// Lines are being executed
    InProgress,
    /// Result files are being written
    Finalizing,
    /// A cancellation is under way
    Cancelling,
    /// Came to an end with results
    Completed,
    /// Refused
    Failed,
    /// Ran out of time
    Expired,
    /// Cancelled
    Cancelled,
}

impl Wanted {
    /// Whether this batch is meant.
    pub fn means(self, batch: &Batch) -> bool {
        let status = match self {
            Self::Active => return batch.is_running(),
            Self::Validating => BatchStatus::Validating,
            Self::InProgress => BatchStatus::InProgress,
            Self::Finalizing => BatchStatus::Finalizing,
            Self::Cancelling => BatchStatus::Cancelling,
            Self::Completed => BatchStatus::Completed,
            Self::Failed => BatchStatus::Failed,
            Self::Expired => BatchStatus::Expired,
            Self::Cancelled => BatchStatus::Cancelled,
        };
        batch.upstream.status == status
    }
}

impl Command {
    /// Which gateway is meant.
    pub fn gateway(&self) -> &GatewayArgs {
        match self {
            Self::List(args) => &args.gateway,
            Self::Show(args) | Self::Cancel(args) => &args.gateway,
        }
    }

    /// In which form the output is wanted.
    pub fn format(&self) -> Format {
        match self {
            Self::List(args) => args.output,
            Self::Show(args) | Self::Cancel(args) => args.output,
        }
    }
}
