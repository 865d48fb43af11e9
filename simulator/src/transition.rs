//! The steps from one state of a batch to the next.

use std::sync::Arc;

use bytes::Bytes;

use crate::batch::{Batch, Status};
use crate::batch_error::BatchError;
use crate::endpoint::Endpoint;
use crate::execution::{Execution, Results};
use crate::faults::Faults;
use crate::identifier::Identifiers;
use crate::knobs::Knobs;
use crate::plan::Plan;
use crate::result_line::{CANCELLED, EXPIRED};
use crate::settings::{Limits, Timing};
use crate::tries::Tries;
use crate::validation::Validation;
use crate::world::State;

/// What happens to a batch next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Validate,
    Finalize,
    Complete,
    Expire,
    Cancel,
}

/// A step that is due, with everything it needs to be computed without holding the lock.
pub(crate) struct Job {
    /// Position of the batch in the order of creation.
    pub(crate) batch: usize,
    pub(crate) step: Step,
    /// When the step was due, which is the time it is entered with however late it is noticed.
    pub(crate) due_ms: u64,
    pub(crate) work: Work,
}

/// The part of a step that takes time.
pub(crate) enum Work {
    Nothing,
    Validate(Box<Candidate>),
    Execute(Box<Execution>),
}

/// An input file to be judged.
pub(crate) struct Candidate {
    pub(crate) file_id: String,
    /// None if the file does not exist.
    pub(crate) input: Option<Bytes>,
    /// The error with which it fails whatever it holds.
    pub(crate) fails: Option<BatchError>,
    pub(crate) endpoint: Endpoint,
    pub(crate) limits: Limits,
    pub(crate) knobs: Knobs,
    pub(crate) faults: Faults,
}

/// A computed step.
pub(crate) enum Outcome {
    Nothing,
    Validated(Result<Plan, Vec<BatchError>>),
    Executed(Results),
}

impl Job {
    /// Does the work.
    pub(crate) fn run(&self, identifiers: &Identifiers, tries: &Tries, seed: u64) -> Outcome {
        match &self.work {
            Work::Nothing => Outcome::Nothing,
            Work::Validate(candidate) => Outcome::Validated(candidate.judge(tries, seed, self.batch)),
            Work::Execute(execution) => Outcome::Executed(execution.run(identifiers, tries)),
        }
    }
}

impl Candidate {
    fn judge(&self, tries: &Tries, seed: u64, batch: usize) -> Result<Plan, Vec<BatchError>> {
        let Some(input) = &self.input else {
            return Err(vec![BatchError::no_file(&self.file_id)]);
        };
        if let Some(error) = &self.fails {
            return Err(vec![error.clone()]);
        }
        let mut plan = Validation::new(self, tries, seed, batch).judge(input)?;
        plan.shuffle(seed, batch);
        Ok(plan)
    }
}

impl Batch {
    /// The next step and when it is due; none once the batch ended.
    pub(crate) fn next_step(&self, timing: &Timing) -> Option<(u64, Step)> {
        let after = |start: u64, duration: std::time::Duration| {
            start.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
        };
        let unless_expired = |due: u64, step: Step| {
            if due <= self.times.expires { (due, step) } else { (self.times.expires, Step::Expire) }
        };
        match self.status {
            Status::Validating => Some((after(self.times.created, timing.validating), Step::Validate)),
            Status::InProgress => {
                let due = after(self.times.in_progress.unwrap_or(self.times.created), timing.per_batch);
                if self.fate.expires {
                    let start = self.times.in_progress.unwrap_or(self.times.created);
                    return Some(unless_expired(after(start, timing.per_batch / 2), Step::Expire));
                }
                Some(unless_expired(due, Step::Finalize))
            }
            Status::Finalizing => {
                let due = after(self.times.finalizing.unwrap_or(self.times.created), timing.finalizing)
                    .saturating_add(self.fate.stuck_ms);
                Some(unless_expired(due, Step::Complete))
            }
            Status::Cancelling => {
                let start = self.times.cancelling.unwrap_or(self.times.created);
                Some((after(start, timing.cancelling), Step::Cancel))
            }
            Status::Failed | Status::Completed | Status::Expired | Status::Cancelled => None,
        }
    }

    /// The lines a step executes, if it executes any.
    pub(crate) fn execution(
        &self,
        step: Step,
        position: usize,
        state: &State,
        seed: u64,
    ) -> Option<Execution> {
        let timing = &state.timing;
        // Lines are executed once, whichever step comes first.
        if self.results.is_some() {
            return None;
        }
        let plan = Arc::clone(self.plan.as_ref()?);
        let (moment, count, written_off) = match step {
            Step::Validate | Step::Complete => return None,
            Step::Finalize => {
                let moment = self.next_step(timing).map_or(self.times.created, |(due, _)| due);
                (moment, plan.lines.len(), EXPIRED)
            }
            Step::Expire => {
                let moment = self.next_step(timing).map_or(self.times.expires, |(due, _)| due);
                (moment, self.progress(moment, timing), EXPIRED)
            }
            Step::Cancel => {
                let moment = self.times.cancelling.unwrap_or(self.times.created);
                (moment, self.progress(moment, timing), CANCELLED)
            }
        };
        Some(Execution {
            plan,
            count,
            written_off,
            knobs: state.knobs.clone(),
            faults: state.faults.clone(),
            batch: position,
            seed,
            created: moment / 1000,
        })
    }
}
