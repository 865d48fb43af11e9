//! What it means that a batch is refused as a whole, and for whom (contract, section 2.4).

use std::collections::HashMap;

use super::{
    outcome::{ApiError, Outcome},
    upstream_batch::UpstreamBatch,
};

/// Why a batch, or the call that makes it, is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Too much is enqueued for the model; with the limit in tokens, if the words name it.
    Enqueued(Option<u64>),
    /// A file that exists is not found; it passes.
    FileNotFound,
    /// The account has no money, which somebody may mend.
    Funds,
    /// The file is larger than a file may be.
    TooLarge,
    /// The model does not exist for batches; that holds for every line, because a batch has one model.
    Model,
    /// Anything else.
    Other,
}

/// Reads the cause out of an error.
pub fn cause(error: &ApiError) -> Cause {
    let code = error.code.as_deref().unwrap_or_default();
    let words = error.message.to_ascii_lowercase();
    match code {
        "token_limit_exceeded" => Cause::Enqueued(limit(&words)),
        "billing_hard_limit_reached" | "insufficient_quota" => Cause::Funds,
        "model_not_found" => Cause::Model,
        _ if words.contains("enqueued") && words.contains("limit") => Cause::Enqueued(limit(&words)),
        _ if words.contains("cannot find file") || error.param.as_deref() == Some("file_id") => {
            Cause::FileNotFound
        }
        _ if words.contains("too large") => Cause::TooLarge,
        _ => Cause::Other,
    }
}

/// The number behind `limit:`, with or without commas.
fn limit(words: &str) -> Option<u64> {
    let (_, behind) = words.split_once("limit:")?;
    let digits = behind.trim_start().chars().take_while(|c| c.is_ascii_digit() || matches!(c, ',' | '_'));
    digits.filter(char::is_ascii_digit).collect::<String>().parse().ok()
}

/// What becomes of the lines of a batch that failed its validation; none of them was executed.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// These lines, counted from 1, are to blame, each for its own error; the others are not.
    Lines(HashMap<u64, ApiError>),
    /// All lines are to blame.
    All(ApiError),
    /// Too much is enqueued.
    Enqueued(Option<u64>, ApiError),
    /// The same batch may go well another time.
    Passing(ApiError),
    /// Some line may be to blame, and nobody says which.
    Unexplained(ApiError),
}

impl Refusal {
    /// Reads a failed batch of so many lines.
    pub fn of(batch: &UpstreamBatch, lines: usize) -> Self {
        let whole = batch.errors.iter().find(|entry| entry.line.is_none()).map(|entry| &entry.error);
        let first = whole.or(batch.errors.first().map(|entry| &entry.error));
        match whole.map(cause) {
            Some(Cause::Enqueued(limit)) => return Self::Enqueued(limit, unexplained(batch, first)),
            Some(Cause::FileNotFound | Cause::Funds) => return Self::Passing(unexplained(batch, first)),
            _ => {}
        }
        if let Some(entry) = batch.errors.iter().find(|entry| cause(&entry.error) == Cause::Model) {
            return Self::All(entry.error.clone());
        }
        let mut blamed = HashMap::new();
        for entry in &batch.errors {
            if let Some(line) = entry.line.filter(|line| (1..=lines as u64).contains(line)) {
                blamed.entry(line).or_insert_with(|| entry.error.clone());
            }
        }
        if blamed.is_empty() { Self::Unexplained(unexplained(batch, first)) } else { Self::Lines(blamed) }
    }
}

fn unexplained(batch: &UpstreamBatch, error: Option<&ApiError>) -> ApiError {
    error.cloned().unwrap_or_else(|| {
        let message = format!("The upstream refused batch {} and gave no reason.", batch.id);
        ApiError::new("invalid_request_error", Some("batch_failed"), message)
    })
}

/// What the client of a request gets whose batch was refused for this, and whom no further batch can help.
pub fn blame(error: &ApiError) -> Outcome {
    Outcome::gateway(400, error)
}

/// What the client of a request gets whose batch was refused for reasons that are not its own.
pub fn refused(error: &ApiError) -> Outcome {
    let code = error.code.as_deref().unwrap_or("batch_failed");
    let message = format!("The upstream refused the batch of this request: {}", error.message);
    Outcome::gateway(502, &ApiError::new("server_error", Some(code), message))
}
