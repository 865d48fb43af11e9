//! Faults by chance and by the clock.

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::line_fault::LineFault;
use crate::operation::Operation;

/// Everything that goes wrong without being ordered call by call. All rates are shares from 0 to 1, and what
/// meets a fault is a function of the seed and of the number of the call, batch or line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Share of calls that meet one of [`Faults::kinds`].
    pub rate: f64,
    /// The kinds that come by chance. Empty: a lost request, a lost answer, 429, 500, 502, 503, 504 and a cut
    /// answer. Kinds that concern batches are drawn once per batch, when it is created or shown.
    pub kinds: Vec<Fault>,
    /// The calls concerned; empty: all.
    pub operations: Vec<Operation>,
    /// Milliseconds named in the `retry-after-ms` of a 429 that comes by chance; every other one has a
    /// `Retry-After` in whole seconds instead (contract, case 63).
    pub retry_after_ms: u64,
    /// Milliseconds by which a slow answer is late, in real time (contract, case 75).
    pub slow_ms: u64,
    /// Bytes that trickle at a time.
    pub trickle_bytes: usize,
    /// Milliseconds between two trickles, in real time.
    pub trickle_ms: u64,
    /// Milliseconds, in real time, until a call that hangs is cut off and a trickle becomes a flow.
    pub hang_ms: u64,
    /// Milliseconds for which a new batch cannot be retrieved (contract, case 69).
    pub retrieve_lag_ms: u64,
    /// Milliseconds for which a new batch is missing in listings.
    pub list_lag_ms: u64,
    /// Milliseconds for which the content of a new result file cannot be read (contract, case 68).
    pub content_lag_ms: u64,
    /// The status of that refusal, 404 or an error of the edge such as 502.
    pub content_lag_status: u16,
    /// Milliseconds by which a batch or a content that is late on order or by chance is late.
    pub late_ms: u64,
    /// Milliseconds for which a batch that is stuck stays longer in `finalizing` (contract, case 71).
    pub stuck_ms: u64,
    /// Share of batches that expire when half of their lines are executed.
    pub expire_rate: f64,
    /// Share of batches that fail as a whole.
    pub fail_rate: f64,
    /// Share of lines that meet one of [`Faults::line_kinds`]; drawn anew when the line comes in another batch.
    pub line_fault_rate: f64,
    /// The kinds of faults of lines; empty: all.
    pub line_kinds: Vec<LineFault>,
}

impl Default for Faults {
    fn default() -> Self {
        Faults {
            rate: 0.0,
            kinds: Vec::new(),
            operations: Vec::new(),
            retry_after_ms: 100,
            slow_ms: 500,
            trickle_bytes: 16,
            trickle_ms: 20,
            hang_ms: 120_000,
            retrieve_lag_ms: 0,
            list_lag_ms: 0,
            content_lag_ms: 0,
            content_lag_status: 404,
            late_ms: 5_000,
            stuck_ms: 3_600_000,
            expire_rate: 0.0,
            fail_rate: 0.0,
            line_fault_rate: 0.0,
            line_kinds: Vec::new(),
        }
    }
}

impl Faults {
    /// Whether chance concerns calls of `operation`.
    pub(crate) fn concern(&self, operation: Operation) -> bool {
        self.operations.is_empty() || self.operations.iter().any(|concerned| concerned.covers(operation))
    }

    /// Refuses values that would have no meaning.
    pub(crate) fn check(&self) -> Result<(), String> {
        let rates = [
            ("rate", self.rate),
            ("expire_rate", self.expire_rate),
            ("fail_rate", self.fail_rate),
            ("line_fault_rate", self.line_fault_rate),
        ];
        if let Some((name, rate)) = rates.iter().find(|(_, rate)| !(0.0..=1.0).contains(rate)) {
            return Err(format!("{name} is {rate}, which is not a share from 0 to 1"));
        }
        if !(400..=599).contains(&self.content_lag_status) {
            return Err(format!(
                "content_lag_status is {}, which is not an error status",
                self.content_lag_status
            ));
        }
        Ok(())
    }
}
