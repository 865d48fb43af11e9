//! What can go wrong with a single line.

use serde::{Deserialize, Serialize};

use crate::faults::Faults;
use crate::random::Random;

/// A fault of one line's result (contract, sections 2.3 and 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineFault {
    /// An error line with status 429.
    #[serde(rename = "status_429")]
    Status429,
    /// An error line with status 500.
    #[serde(rename = "status_500")]
    Status500,
    /// An error line with status 0 and an empty body.
    #[serde(rename = "status_0")]
    Status0,
    /// An error line without a response.
    Timeout,
    /// No line at all; what was computed is lost and not charged.
    Missing,
    /// The right line, twice.
    Duplicate,
    /// The right line, preceded by one with a custom id that was never sent.
    UnknownId,
    /// A line that breaks off in the middle.
    Malformed,
    /// An error line with status 500 in the output file.
    Misfiled,
}

const ALL: [LineFault; 9] = [
    LineFault::Status429,
    LineFault::Status500,
    LineFault::Status0,
    LineFault::Timeout,
    LineFault::Missing,
    LineFault::Duplicate,
    LineFault::UnknownId,
    LineFault::Malformed,
    LineFault::Misfiled,
];

impl LineFault {
    /// The fault the seed has in store for a line of the batch with this number.
    pub(crate) fn draw(seed: u64, batch: usize, custom_id: &str, faults: &Faults) -> Option<LineFault> {
        if faults.line_fault_rate <= 0.0 {
            return None;
        }
        let mut random = Random::from((seed, "line", batch, custom_id));
        if random.fraction() >= faults.line_fault_rate {
            return None;
        }
        let kinds = if faults.line_kinds.is_empty() {
            &ALL[..]
        } else {
            &faults.line_kinds
        };
        random.pick(kinds)
    }

    /// Whether the line ends without a readable answer.
    pub(crate) fn fails(self) -> bool {
        !matches!(self, LineFault::Duplicate | LineFault::UnknownId)
    }

    /// The name under which the ledger counts it.
    pub(crate) fn entry(self) -> &'static str {
        match self {
            LineFault::Status429 => "line_status_429",
            LineFault::Status500 => "line_status_500",
            LineFault::Status0 => "line_status_0",
            LineFault::Timeout => "line_timeout",
            LineFault::Missing => "line_missing",
            LineFault::Duplicate => "line_duplicate",
            LineFault::UnknownId => "line_unknown_id",
            LineFault::Malformed => "line_malformed",
            LineFault::Misfiled => "line_misfiled",
        }
    }
}
