//! Batches.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::batch_error::BatchError;
use crate::create::{CreateRequest, WINDOW};
use crate::execution::Results;
use crate::fate::Fate;
use crate::file::Project;
use crate::knobs::Knobs;
use crate::ledger::BatchEntry;
use crate::plan::Plan;
use crate::settings::Timing;
use crate::usage::{ResponseUsage, Tokens};

/// The states of a batch (contract, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Validating,
    Failed,
    InProgress,
    Finalizing,
    Completed,
    Expired,
    Cancelling,
    Cancelled,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Status::Validating => "validating",
            Status::Failed => "failed",
            Status::InProgress => "in_progress",
            Status::Finalizing => "finalizing",
            Status::Completed => "completed",
            Status::Expired => "expired",
            Status::Cancelling => "cancelling",
            Status::Cancelled => "cancelled",
        }
    }
}

/// When a batch reached its states, in milliseconds since the Unix epoch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times {
    pub(crate) created: u64,
    pub(crate) expires: u64,
    pub(crate) in_progress: Option<u64>,
    pub(crate) finalizing: Option<u64>,
    pub(crate) completed: Option<u64>,
    pub(crate) failed: Option<u64>,
    pub(crate) expired: Option<u64>,
    pub(crate) cancelling: Option<u64>,
    pub(crate) cancelled: Option<u64>,
}

impl Times {
    /// When the batch reached a state it does not leave.
    pub(crate) fn ended(&self) -> Option<u64> {
        self.completed.or(self.failed).or(self.expired).or(self.cancelled)
    }
}

/// A batch and all that was computed for it.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) id: String,
    pub(crate) project: Project,
    pub(crate) request: CreateRequest,
    pub(crate) fate: Fate,
    pub(crate) status: Status,
    pub(crate) times: Times,
    pub(crate) errors: Vec<BatchError>,
    /// Lines of the input file, known once validation succeeded.
    pub(crate) total: usize,
    /// The model those lines ask for.
    pub(crate) requested_model: Option<String>,
    /// Present from the end of validation to the end of the batch, since it holds the whole input.
    pub(crate) plan: Option<Arc<Plan>>,
    /// Set when lines were executed, which happens once.
    pub(crate) results: Option<Results>,
    pub(crate) output_file_id: Option<String>,
    pub(crate) error_file_id: Option<String>,
    /// The resolved model, shown once the batch ended with lines executed.
    pub(crate) model: Option<String>,
    /// Whether its next step is being computed outside the lock.
    pub(crate) busy: bool,
    /// When its next step is due, as the agenda has it.
    pub(crate) due_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Counts {
    total: usize,
    completed: usize,
    failed: usize,
}

#[derive(Serialize)]
struct ErrorList<'a> {
    object: &'static str,
    data: &'a [BatchError],
}

/// A batch as the API shows it.
#[derive(Serialize)]
struct BatchView<'a> {
    id: &'a str,
    object: &'static str,
    endpoint: &'static str,
    model: Option<&'a str>,
    errors: Option<ErrorList<'a>>,
    input_file_id: &'a str,
    completion_window: &'static str,
    status: Status,
    output_file_id: Option<&'a str>,
    error_file_id: Option<&'a str>,
    created_at: u64,
    in_progress_at: Option<u64>,
    expires_at: u64,
    finalizing_at: Option<u64>,
    completed_at: Option<u64>,
    failed_at: Option<u64>,
    expired_at: Option<u64>,
    cancelling_at: Option<u64>,
    cancelled_at: Option<u64>,
    request_counts: Counts,
    usage: Option<ResponseUsage>,
    metadata: &'a Option<std::collections::BTreeMap<String, String>>,
}

impl Batch {
    /// Whether nothing will happen to the batch any more.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self.status, Status::Failed | Status::Completed | Status::Expired | Status::Cancelled)
    }

    /// How many of the plan's lines are executed at `now_ms`: the share of the execution time that has passed.
    pub(crate) fn progress(&self, now_ms: u64, timing: &Timing) -> usize {
        let (Some(plan), Some(start)) = (&self.plan, self.times.in_progress) else {
            return 0;
        };
        let total = plan.lines.len();
        let elapsed = u128::from(now_ms.saturating_sub(start));
        match timing.per_batch.as_millis() {
            0 => total,
            whole => usize::try_from(total as u128 * elapsed / whole).unwrap_or(total).min(total),
        }
    }

    /// The batch as JSON, with the variations the knobs ask for.
    pub(crate) fn render(&self, now_ms: u64, timing: &Timing, knobs: &Knobs) -> serde_json::Result<Value> {
        let mut value = serde_json::to_value(self.view(now_ms, timing, knobs))?;
        if let Value::Object(members) = &mut value {
            if knobs.omit_nulls {
                members.retain(|_, member| !member.is_null());
            }
            if knobs.extra_members {
                members.insert("simulated".to_owned(), serde_json::json!({ "unknown": [1, null] }));
            }
        }
        Ok(value)
    }

    /// The batch as the ledger lists it.
    pub(crate) fn entry(&self) -> BatchEntry {
        BatchEntry {
            id: self.id.clone(),
            model: self.requested_model.clone(),
            endpoint: self.request.endpoint.path().to_owned(),
            lines: self.total,
            status: self.status.name().to_owned(),
            metadata: self.request.metadata.clone(),
        }
    }

    fn view(&self, now_ms: u64, timing: &Timing, knobs: &Knobs) -> BatchView<'_> {
        let seconds = |ms: Option<u64>| ms.map(|ms| ms / 1000);
        let usage = self.results.as_ref().filter(|_| self.is_terminal()).map(|results| results.tokens);
        BatchView {
            id: &self.id,
            object: "batch",
            endpoint: self.request.endpoint.path(),
            model: self.model.as_deref(),
            errors: (!self.errors.is_empty()).then_some(ErrorList { object: "list", data: &self.errors }),
            input_file_id: &self.request.input_file_id,
            completion_window: WINDOW,
            status: self.status,
            output_file_id: self.output_file_id.as_deref(),
            error_file_id: self.error_file_id.as_deref(),
            created_at: self.times.created / 1000,
            in_progress_at: seconds(self.times.in_progress),
            // Derived from whole seconds so that the distance to the creation is exact.
            expires_at: self.times.created / 1000
                + self.times.expires.saturating_sub(self.times.created) / 1000,
            finalizing_at: seconds(self.times.finalizing),
            completed_at: seconds(self.times.completed),
            failed_at: seconds(self.times.failed),
            expired_at: seconds(self.times.expired),
            cancelling_at: seconds(self.times.cancelling),
            cancelled_at: seconds(self.times.cancelled),
            request_counts: self.counts(now_ms, timing, knobs),
            usage: usage.map(Tokens::into),
            metadata: &self.request.metadata,
        }
    }

    /// Progress hints (contract, section 2.2): lines that were written off appear in the total only.
    fn counts(&self, now_ms: u64, timing: &Timing, knobs: &Knobs) -> Counts {
        let total = self.total;
        if (knobs.counts_lie || self.fate.counts_lie) && self.status == Status::Completed {
            return Counts { total, completed: total, failed: 0 };
        }
        let (completed, failed) = match (&self.results, &self.plan) {
            (Some(results), _) => (results.completed, results.failed),
            (None, Some(plan)) => {
                let done = self.progress(self.times.cancelling.unwrap_or(now_ms), timing);
                let failed = plan.failures(done);
                (done - failed, failed)
            }
            (None, None) => (0, 0),
        };
        Counts { total, completed, failed }
    }
}
