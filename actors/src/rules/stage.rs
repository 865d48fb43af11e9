//! How far a request has come, in one word.

use std::str::FromStr;

use super::outcome::Outcome;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Accepted, in no batch.
    Queued,
    /// A line of a batch, without an outcome.
    InBatch,
    /// Answered well.
    Completed,
    /// Its outcome is an error.
    Failed,
    /// Somebody had it cancelled.
    Cancelled,
    /// Dropped because its client left before it was sent.
    Withdrawn,
}

/// A word that is none of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no status of a request")]
pub struct UnknownStage;

impl Stage {
    /// Every one there is.
    pub const ALL: [Stage; 6] =
        [Stage::Queued, Stage::InBatch, Stage::Completed, Stage::Failed, Stage::Cancelled, Stage::Withdrawn];

    /// The stage of a request that has this outcome.
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            _ if outcome.is_success() => Stage::Completed,
            _ if outcome.is_cancellation() => Stage::Cancelled,
            _ => Stage::Failed,
        }
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Queued => "queued",
            Stage::InBatch => "in_batch",
            Stage::Completed => "completed",
            Stage::Failed => "failed",
            Stage::Cancelled => "cancelled",
            Stage::Withdrawn => "withdrawn",
        }
    }

    /// Whether nothing will come after it.
    pub fn is_final(self) -> bool {
        !matches!(self, Stage::Queued | Stage::InBatch)
    }
}

impl FromStr for Stage {
    type Err = UnknownStage;

    fn from_str(word: &str) -> Result<Self, UnknownStage> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == word).ok_or(UnknownStage)
    }
}
