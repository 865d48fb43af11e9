//! What a restart finds, in numbers.

use std::fmt;

use super::record::{Progress, Unfinished};

/// How many requests and batches an earlier life left behind, and how far they had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// Requests in no batch.
    pub open: usize,
    /// Requests in a batch, without an outcome.
    pub awaited: usize,
    /// Batches that were sealed.
    pub sealed: usize,
    /// Batches that were a file.
    pub uploaded: usize,
    /// Batches that existed upstream, none of their requests with an outcome.
    pub created: usize,
    /// Batches of which some requests had their outcome.
    pub answered: usize,
}

impl Census {
    /// Counts.
    pub fn of(unfinished: &Unfinished) -> Self {
        let mut census =
            Self { open: unfinished.open.len(), awaited: unfinished.awaited.len(), ..Self::default() };
        for batch in &unfinished.batches {
            *match batch.progress {
                Progress::Sealed => &mut census.sealed,
                Progress::Uploaded(_) => &mut census.uploaded,
                Progress::Created(_) if batch.answered.is_empty() => &mut census.created,
                Progress::Created(_) => &mut census.answered,
            } += 1;
        }
        census
    }

    /// Whether nothing was left behind.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests in no batch and {} in batches; batches: {} sealed, {} uploaded, {} created, {} answered in part",
            self.open, self.awaited, self.sealed, self.uploaded, self.created, self.answered
        )
    }
}
