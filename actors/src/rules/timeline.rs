//! How a batch came along: when each step was reached, and what the upstream counts.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    failures::Failures,
    ids::{BatchId, BatchKey, FileId},
    lane::Lane,
    outcome::Outcome,
    record::{Progress, UnfinishedBatch},
    spending::Spending,
    time::{Millis, Timestamp},
    upstream_batch::{BatchStatus, UpstreamBatch},
};

/// Within this the upstream executes a batch (contract, section 2); what takes longer is overdue.
const WINDOW: Millis = Millis::from_secs(24 * 3600);

/// The upstream's own count of a batch's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LineCounts {
    /// All of them.
    #[serde(default)]
    pub total: u64,
    /// Those with an answer.
    #[serde(default)]
    pub completed: u64,
    /// Those with an error.
    #[serde(default)]
    pub failed: u64,
}

impl LineCounts {
    /// Those with neither.
    pub fn left(self) -> u64 {
        self.total.saturating_sub(self.completed.saturating_add(self.failed))
    }

    /// The share of lines with either, in whole percent. Only what is complete is 100.
    pub fn percent(self) -> Option<u64> {
        let done = u128::from(self.total - self.left());
        let percent = (done * 100).checked_div(u128::from(self.total))?;
        u64::try_from(percent).ok()
    }
}

/// One batch that this gateway made.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// Its own key.
    pub key: BatchKey,
    /// Its lane.
    pub lane: Arc<Lane>,
    /// Its lines.
    pub requests: usize,
    /// Requests that were answered well.
    pub answered: u64,
    /// Requests that ended with an error.
    pub failed: u64,
    /// The errors among them.
    pub failures: Failures,
    /// Requests that it left without an outcome.
    pub given_back: u64,
    /// What its answers took.
    pub spending: Spending,
    /// The upstream's id, once it exists there.
    pub id: Option<BatchId>,
    /// Where it stands upstream.
    pub status: Option<BatchStatus>,
    /// What the upstream counts.
    pub lines: Option<LineCounts>,
    /// The file of its lines.
    pub input_file: Option<FileId>,
    /// Results.
    pub output_file: Option<FileId>,
    /// Failed lines.
    pub error_file: Option<FileId>,
    /// Somebody had the gateway cancel it.
    pub cancelled: bool,
    sealed_at: Timestamp,
    uploaded_at: Option<Timestamp>,
    created_at: Option<Timestamp>,
    in_progress_at: Option<Timestamp>,
    finalizing_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    settled_at: Option<Timestamp>,
}

/// One step of a batch's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Step {
    /// `sealed`, `uploaded`, `created` (from here on the upstream checks it), `in_progress`, `finalizing`, `ended` or
    /// `settled`.
    pub step: &'static str,
    /// When it was reached.
    pub at: Timestamp,
    /// How long it took to the next step that was reached; so far, for the last one of a batch that goes on.
    pub lasted: Option<Millis>,
}

/// What an upstream's object says of times and lines; much of it may be missing.
#[derive(Deserialize)]
struct Wire {
    in_progress_at: Option<u64>,
    finalizing_at: Option<u64>,
    completed_at: Option<u64>,
    failed_at: Option<u64>,
    expired_at: Option<u64>,
    cancelled_at: Option<u64>,
    request_counts: Option<LineCounts>,
}

impl Timeline {
    /// A batch just sealed.
    pub fn sealed(key: BatchKey, lane: Arc<Lane>, requests: usize, at: Timestamp) -> Self {
        Self {
            key,
            lane,
            requests,
            answered: 0,
            failed: 0,
            failures: Failures::default(),
            given_back: 0,
            spending: Spending::default(),
            id: None,
            status: None,
            lines: None,
            input_file: None,
            output_file: None,
            error_file: None,
            cancelled: false,
            sealed_at: at,
            uploaded_at: None,
            created_at: None,
            in_progress_at: None,
            finalizing_at: None,
            ended_at: None,
            settled_at: None,
        }
    }

    /// A batch of an earlier life. How its requests ended that have their outcome is not known any more.
    pub fn found(batch: &UnfinishedBatch, lane: Arc<Lane>) -> Self {
        let mut found = Self::sealed(batch.key, lane, batch.requests.len(), batch.sealed_at);
        found.cancelled = batch.cancelled;
        match &batch.progress {
            Progress::Sealed => {}
            Progress::Uploaded(file) => found.input_file = Some(file.clone()),
            Progress::Created(seen) => found.created(seen, Timestamp(seen.created_at.saturating_mul(1000))),
        }
        found
    }

    /// It is a file upstream.
    pub fn uploaded(&mut self, file: FileId, at: Timestamp) {
        self.input_file = Some(file);
        self.uploaded_at.get_or_insert(at);
    }

    /// It exists upstream.
    pub fn created(&mut self, batch: &UpstreamBatch, at: Timestamp) {
        self.created_at.get_or_insert(at);
        self.seen(batch, at);
    }

    /// It was looked at. The upstream's own times count, where it names them.
    pub fn seen(&mut self, batch: &UpstreamBatch, at: Timestamp) {
        self.id = Some(batch.id.clone());
        self.status = Some(batch.status);
        self.input_file = batch.input_file.clone().or(self.input_file.take());
        self.output_file = batch.output_file.clone();
        self.error_file = batch.error_file.clone();
        let Ok(wire) = serde_json::from_str::<Wire>(batch.raw.get()) else {
            return self.reached(batch.status, at);
        };
        let told = |seconds: Option<u64>| seconds.map(|seconds| Timestamp(seconds.saturating_mul(1000)));
        self.in_progress_at = told(wire.in_progress_at).or(self.in_progress_at);
        self.finalizing_at = told(wire.finalizing_at).or(self.finalizing_at);
        let ended = wire.completed_at.or(wire.failed_at).or(wire.expired_at).or(wire.cancelled_at);
        self.ended_at = told(ended).or(self.ended_at);
        self.lines = wire.request_counts.or(self.lines);
        self.reached(batch.status, at);
    }

    /// What the upstream tells no time of was reached when it was seen.
    fn reached(&mut self, status: BatchStatus, at: Timestamp) {
        let step = match status {
            BatchStatus::InProgress => &mut self.in_progress_at,
            BatchStatus::Finalizing => &mut self.finalizing_at,
            ended if ended.is_terminal() => &mut self.ended_at,
            _ => return,
        };
        step.get_or_insert(at);
    }

    /// One of its requests has its outcome.
    pub fn ended_one(&mut self, outcome: &Outcome) {
        if outcome.is_success() {
            self.answered += 1;
        } else {
            self.failed += 1;
            self.failures.add(outcome);
        }
    }

    /// How far its lines are: by their outcomes, or by what the upstream counts if that is more. Outcomes come at the
    /// end, and of a batch of an earlier life not all are known.
    pub fn progress(&self) -> LineCounts {
        let (total, seen) = (self.requests as u64, self.lines.unwrap_or_default());
        let completed = self.answered.max(seen.completed).min(total);
        LineCounts { total, completed, failed: self.failed.max(seen.failed).min(total - completed) }
    }

    /// All its requests have their outcome or are given back.
    pub fn settle(&mut self, given_back: usize, at: Timestamp) {
        self.given_back = given_back as u64;
        self.settled_at.get_or_insert(at);
    }

    /// Whether nothing is left to do for it.
    pub fn is_settled(&self) -> bool {
        self.settled_at.is_some()
    }

    /// When it was sealed.
    pub fn sealed_at(&self) -> Timestamp {
        self.sealed_at
    }

    /// How long the upstream took, if it has ended there.
    pub fn upstream_time(&self) -> Option<Millis> {
        Some(self.ended_at?.since(self.created_at?))
    }

    /// Whether it takes longer than it may.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        let began = self.created_at.unwrap_or(self.sealed_at);
        self.settled_at.is_none() && now.since(began) > WINDOW
    }

    /// Where it stands, in a word: the upstream's own, or how far it is on its way there.
    pub fn word(&self) -> &'static str {
        match (self.status, self.uploaded_at) {
            (Some(status), _) => status.as_str(),
            (None, Some(_)) => "uploaded",
            (None, None) => "sealed",
        }
    }

    /// The steps that were reached, in their order.
    pub fn steps(&self, now: Timestamp) -> Vec<Step> {
        let steps = [
            ("sealed", Some(self.sealed_at)),
            ("uploaded", self.uploaded_at),
            ("created", self.created_at),
            ("in_progress", self.in_progress_at),
            ("finalizing", self.finalizing_at),
            ("ended", self.ended_at),
            ("settled", self.settled_at),
        ];
        let reached: Vec<_> = steps.into_iter().filter_map(|(step, at)| Some((step, at?))).collect();
        let next = reached.iter().skip(1).map(|(_, at)| Some(*at));
        let next = next.chain([self.settled_at.is_none().then_some(now)]);
        let lasted = |((step, at), next): (&(&'static str, Timestamp), Option<Timestamp>)| Step {
            step,
            at: *at,
            lasted: next.map(|next| next.since(*at)),
        };
        reached.iter().zip(next).map(lasted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::lane::{Endpoint, Tenant};

    fn sealed() -> Timeline {
        let lane =
            Lane { tenant: Tenant::anonymous(), endpoint: Endpoint::ChatCompletions, model: "m".into() };
        Timeline::sealed(BatchKey(1), lane.into(), 3, Timestamp(10_000))
    }

    fn seen(status: &str, times: &str) -> UpstreamBatch {
        let json = format!(r#"{{"id":"batch_1","status":"{status}","created_at":12{times}}}"#);
        UpstreamBatch::parse(&json).unwrap()
    }

    #[test]
    fn the_upstreams_own_times_count_and_the_look_where_it_names_none() {
        let mut batch = sealed();
        batch.uploaded(FileId("file_1".into()), Timestamp(11_000));
        batch.created(&seen("validating", ""), Timestamp(12_000));
        batch.seen(&seen("in_progress", r#","in_progress_at":null"#), Timestamp(15_000));
        let counts = r#","request_counts":{"total":3,"completed":2,"failed":1}"#;
        batch.seen(
            &seen("completed", &format!(r#","finalizing_at":18,"completed_at":20{counts}"#)),
            Timestamp(30_000),
        );
        assert_eq!(batch.word(), "completed");
        assert_eq!(batch.lines, Some(LineCounts { total: 3, completed: 2, failed: 1 }));
        assert_eq!(batch.upstream_time(), Some(Millis(8_000)));
        batch.settle(0, Timestamp(31_000));
        let steps = batch.steps(Timestamp(99_000));
        let told: Vec<_> = steps
            .iter()
            .map(|step| (step.step, step.at.0 / 1000, step.lasted.map(|it| it.0 / 1000)))
            .collect();
        let expected = [
            ("sealed", 10, Some(1)),
            ("uploaded", 11, Some(1)),
            ("created", 12, Some(3)),
            ("in_progress", 15, Some(3)),
            ("finalizing", 18, Some(2)),
            ("ended", 20, Some(11)),
            ("settled", 31, None),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_batch_that_goes_on_shows_how_long_its_step_lasts_so_far_and_is_overdue_in_the_end() {
        let mut batch = sealed();
        assert_eq!((batch.word(), batch.steps(Timestamp(12_500))[0].lasted), ("sealed", Some(Millis(2_500))));
        batch.created(&seen("validating", ""), Timestamp(12_000));
        let end = Timestamp(12_000) + WINDOW;
        assert!(!batch.is_overdue(end) && batch.is_overdue(end + Millis(1)));
        batch.settle(0, end);
        assert!(!batch.is_overdue(end + Millis(1)));
    }

    #[test]
    fn only_what_is_complete_is_a_hundred_percent() {
        let percent = |completed, failed, total| LineCounts { completed, failed, total }.percent();
        assert_eq!(percent(49_998, 1, 50_000), Some(99));
        assert_eq!(percent(49_998, 2, 50_000), Some(100));
        assert_eq!(percent(3, 9, 6), Some(100));
        assert_eq!(percent(0, 0, 0), None);
    }

    #[test]
    fn outcomes_and_the_upstreams_counts_are_one_progress() {
        let mut batch = sealed();
        assert_eq!(batch.progress(), LineCounts { total: 3, completed: 0, failed: 0 });
        let counts = r#","request_counts":{"total":3,"completed":1,"failed":1}"#;
        batch.created(&seen("in_progress", counts), Timestamp(12_000));
        assert_eq!(batch.progress(), LineCounts { total: 3, completed: 1, failed: 1 });
        let good = Outcome { status: 200, ..Outcome::cancelled() };
        for outcome in [&good, &good, &Outcome::cancelled()] {
            batch.ended_one(outcome);
        }
        assert_eq!(batch.progress(), LineCounts { total: 3, completed: 2, failed: 1 });
        assert_eq!(batch.failures.list()[0].code, "request_cancelled");
    }
}
