//! A batch as a replica that lags shows it (contract, case 72).

use serde_json::{Value, json};

use crate::batch::{Batch, Status};
use crate::knobs::Knobs;
use crate::settings::Timing;

impl Batch {
    /// The state before the present one; none for a batch that is new.
    pub(crate) fn earlier(&self) -> Option<Status> {
        let times = &self.times;
        let before = |cancelled: bool| {
            if cancelled && times.cancelling.is_some() {
                Status::Cancelling
            } else if times.finalizing.is_some() {
                Status::Finalizing
            } else if times.in_progress.is_some() {
                Status::InProgress
            } else {
                Status::Validating
            }
        };
        match self.status {
            Status::Validating => None,
            Status::InProgress | Status::Failed => Some(Status::Validating),
            Status::Finalizing => Some(Status::InProgress),
            Status::Cancelling => Some(before(false)),
            Status::Completed | Status::Expired | Status::Cancelled => Some(before(true)),
        }
    }

    /// The batch as it was in the state before the present one.
    pub(crate) fn render_earlier(
        &self,
        now_ms: u64,
        timing: &Timing,
        knobs: &Knobs,
    ) -> serde_json::Result<Value> {
        let mut value = self.render(now_ms, timing, knobs)?;
        let (Some(earlier), Value::Object(members)) = (self.earlier(), &mut value) else {
            return Ok(value);
        };
        members.insert("status".to_owned(), json!(earlier));
        let reached = format!("{}_at", self.status.name());
        let unknown = ["output_file_id", "error_file_id", "model", "usage", "errors", reached.as_str()];
        for name in unknown {
            if knobs.omit_nulls {
                members.remove(name);
            } else {
                members.insert(name.to_owned(), Value::Null);
            }
        }
        let total = if earlier == Status::Validating { 0 } else { self.total };
        let counts = json!({ "total": total, "completed": 0, "failed": 0 });
        members.insert("request_counts".to_owned(), counts);
        Ok(value)
    }
}
