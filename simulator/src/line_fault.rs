//! What can go wrong with a single line.

use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::faults::Faults;
use crate::inference::Failure;
use crate::knobs::Knobs;
use crate::random::Random;
use crate::result_line::ResultLine;

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
    /// The fault with this name, as it stands in JSON.
    pub(crate) fn named(name: &str) -> Option<LineFault> {
        ALL.into_iter().find(|fault| fault.entry().strip_prefix("line_") == Some(name))
    }

    /// The fault the seed has in store for a line of the batch with this number.
    pub(crate) fn draw(seed: u64, batch: usize, custom_id: &str, faults: &Faults) -> Option<LineFault> {
        if faults.line_fault_rate <= 0.0 {
            return None;
        }
        let mut random = Random::from((seed, "line", batch, custom_id));
        if random.fraction() >= faults.line_fault_rate {
            return None;
        }
        let kinds = if faults.line_kinds.is_empty() { &ALL[..] } else { &faults.line_kinds };
        random.pick(kinds)
    }

    /// The failure it amounts to, if it is one.
    pub(crate) fn failure(self) -> Option<Failure> {
        let refused = |status: StatusCode, kind: &'static str, code: &'static str| {
            let error = ApiError::new(status, "The model could not answer this request.");
            Some(Failure::Refused(error.kind(kind).code(code)))
        };
        match self {
            LineFault::Status429 => refused(StatusCode::TOO_MANY_REQUESTS, "tokens", "rate_limit_exceeded"),
            LineFault::Status500 | LineFault::Misfiled => {
                refused(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "server_error")
            }
            LineFault::Status0 => Some(Failure::StatusZero),
            LineFault::Timeout => Some(Failure::Timeout),
            LineFault::Missing | LineFault::Duplicate | LineFault::UnknownId | LineFault::Malformed => None,
        }
    }

    /// Appends to `out` what the fault makes of a line.
    pub(crate) fn write(
        self,
        line: &ResultLine<'_>,
        knobs: &Knobs,
        out: &mut Vec<u8>,
    ) -> serde_json::Result<()> {
        match self {
            LineFault::Missing => return Ok(()),
            LineFault::Duplicate => line.write(knobs, out)?,
            LineFault::UnknownId => {
                let stray = ResultLine {
                    id: format!("{}0", line.id),
                    request_id: line.request_id.clone(),
                    custom_id: "\"never-sent\"",
                    ending: line.ending,
                };
                stray.write(knobs, out)?;
            }
            _ => {}
        }
        let start = out.len();
        line.write(knobs, out)?;
        if self == LineFault::Malformed {
            out.truncate(start + (out.len() - start) / 2);
            out.push(b'\n');
        }
        Ok(())
    }

    /// Whether the line ends without a readable answer.
    pub(crate) fn fails(self) -> bool {
        !matches!(self, LineFault::Duplicate | LineFault::UnknownId)
    }

    /// The name under which the ledger counts it: `line_` and its name in JSON.
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
