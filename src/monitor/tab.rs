//! The tabs.

use batch_gpt_actors::rules::upstream_batch::BatchStatus;

use crate::client::Batch;

/// A view of some of the batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// On their way.
    Active,
    /// Came to an end with results.
    Completed,
    /// Refused.
    Failed,
    /// Ran out of time.
    Expired,
    /// Cancelled.
    Cancelled,
    /// All of them.
    All,
}

impl Tab {
    /// From left to right.
    pub const ALL: [Self; 6] =
        [Self::Active, Self::Completed, Self::Failed, Self::Expired, Self::Cancelled, Self::All];

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Expired => "Expired",
            Self::Cancelled => "Cancelled",
            Self::All => "All",
        }
    }

    /// Whether this batch stands there.
    pub fn shows(self, batch: &Batch) -> bool {
        let status = match self {
            Self::All => return true,
            Self::Active => return batch.is_running(),
            Self::Completed => BatchStatus::Completed,
            Self::Failed => BatchStatus::Failed,
            Self::Expired => BatchStatus::Expired,
            Self::Cancelled => BatchStatus::Cancelled,
        };
        batch.upstream.status == status
    }

    /// The one on the right, and from the last one the first.
    pub fn next(self) -> Self {
        self.at_distance(1)
    }

    /// The one on the left, and from the first one the last.
    pub fn previous(self) -> Self {
        self.at_distance(Self::ALL.len() - 1)
    }

    fn at_distance(self, distance: usize) -> Self {
        Self::ALL[(self as usize + distance) % Self::ALL.len()]
    }
}
