//! What a batch gives back: requests that it left without an outcome, and why.

use std::collections::HashMap;

use super::{ids::RequestId, outcome::ApiError};

/// How often requests have been sent upstream without an outcome. One that is not in here never was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempts(HashMap<RequestId, u32>);

impl Attempts {
    /// How often this one was.
    pub fn of(&self, id: &RequestId) -> u32 {
        self.0.get(id).copied().unwrap_or(0)
    }
}

impl FromIterator<(RequestId, u32)> for Attempts {
    fn from_iter<I: IntoIterator<Item = (RequestId, u32)>>(counts: I) -> Self {
        Self(counts.into_iter().filter(|(_, attempts)| *attempts > 0).collect())
    }
}

/// Requests without an outcome, once their batch is settled.
#[derive(Debug, Clone, PartialEq)]
pub struct Leftover {
    /// The requests in the order of their lines, each with the number of its sendings so far.
    pub requests: Vec<(RequestId, u32)>,
    /// Why they are left over.
    pub why: Why,
}

/// Why requests are left over, which decides how they go on.
#[derive(Debug, Clone, PartialEq)]
pub enum Why {
    /// Their lines failed for a passing reason, or were not executed in time.
    Failed,
    /// Other lines of their batch were to blame.
    Neighbours,
    /// Their batch was refused for a passing reason.
    Passing(ApiError),
    /// Too much is enqueued upstream for their model; with the limit in tokens, if it is known.
    Enqueued(Option<u64>, ApiError),
    /// Their batch was refused, and nobody knows which line is to blame.
    Unexplained(ApiError),
}
