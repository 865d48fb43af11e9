//! Everything the simulator knows.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::batch::{Batch, Status, Times};
use crate::clock::Clock;
use crate::create::CreateRequest;
use crate::expiry::ExpiresAfter;
use crate::fault::Stage;
use crate::fault_book::{Drawn, FaultBook};
use crate::faults::Faults;
use crate::file::{Files, Project, RESULT_PURPOSE, StoredFile};
use crate::identifier::Identifiers;
use crate::knobs::{Knobs, NoErrorFile};
use crate::ledger::{Ledger, LedgerReport};
use crate::operation::Operation;
use crate::plan::Plan;
use crate::settings::{Limits, Settings, Timing};
use crate::transition::{Candidate, Job, Outcome, Step, Work};
use crate::validation::BatchError;

/// The state all requests share.
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) identifiers: Identifiers,
    pub(crate) keys: Vec<String>,
    pub(crate) seed: u64,
    state: Mutex<State>,
}

/// The part of the world that changes.
pub(crate) struct State {
    pub(crate) timing: Timing,
    pub(crate) limits: Limits,
    pub(crate) knobs: Knobs,
    pub(crate) faults: Faults,
    pub(crate) fault_book: FaultBook,
    pub(crate) files: Files,
    pub(crate) ledger: Ledger,
    /// In the order of creation; a batch is never removed, so its position identifies it.
    pub(crate) batches: Vec<Batch>,
    pub(crate) positions: HashMap<String, usize>,
    /// Times of the creations of the last hour.
    pub(crate) creations: VecDeque<u64>,
    /// Positions of the batches that have not ended.
    active: Vec<usize>,
}

impl World {
    pub(crate) fn new(settings: Settings) -> World {
        World {
            clock: Clock::new(),
            identifiers: Identifiers::new(settings.seed),
            keys: settings.keys,
            seed: settings.seed,
            state: Mutex::new(State {
                timing: settings.timing,
                limits: settings.limits,
                knobs: settings.knobs,
                faults: settings.faults,
                fault_book: FaultBook::new(settings.fault_orders),
                files: Files::default(),
                ledger: Ledger::default(),
                batches: Vec::new(),
                positions: HashMap::new(),
                creations: VecDeque::new(),
                active: Vec::new(),
            }),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a batch has a step to make.
    pub(crate) fn is_due(&self) -> bool {
        self.lock().next_due(self.clock.now_ms()).is_some()
    }

    /// Makes all steps that are due, in the order in which they were due. Steps are computed without holding
    /// the lock, so other requests are answered meanwhile, from the state before the step.
    pub(crate) fn settle(&self) {
        loop {
            let job = self.lock().claim(self.clock.now_ms(), self.seed);
            let Some(job) = job else { return };
            let outcome = job.run(&self.identifiers, self.seed);
            self.lock().apply(&job, outcome, &self.identifiers);
        }
    }

    /// The ledger after all steps that are due.
    pub(crate) fn report(&self) -> LedgerReport {
        self.settle();
        let state = self.lock();
        state
            .ledger
            .report(state.batches.iter().map(Batch::entry).collect())
    }
}

impl State {
    /// The fault a call meets at this stage, already entered in the ledger.
    pub(crate) fn draw(&mut self, seed: u64, call: Operation, stage: Stage) -> Option<Drawn> {
        let drawn = self.fault_book.draw(seed, &self.faults, call, stage)?;
        self.ledger.count_fault(&drawn.order.fault.to_string());
        Some(drawn)
    }

    /// Enters a new batch and returns its position.
    pub(crate) fn add_batch(
        &mut self,
        id: String,
        project: Project,
        request: CreateRequest,
        now_ms: u64,
    ) -> usize {
        let window_ms = self.limits.window_seconds.saturating_mul(1000);
        let position = self.batches.len();
        self.positions.insert(id.clone(), position);
        self.active.push(position);
        self.ledger.creates += 1;
        self.batches.push(Batch {
            id,
            project,
            request,
            status: Status::Validating,
            times: Times {
                created: now_ms,
                expires: now_ms.saturating_add(window_ms),
                ..Times::default()
            },
            errors: Vec::new(),
            total: 0,
            requested_model: None,
            plan: None,
            results: None,
            output_file_id: None,
            error_file_id: None,
            model: None,
            busy: false,
        });
        position
    }

    fn next_due(&self, now_ms: u64) -> Option<(u64, Step, usize)> {
        let steps = self.active.iter().filter_map(|&position| {
            let batch = self.batches.get(position).filter(|batch| !batch.busy)?;
            batch
                .next_step(&self.timing)
                .map(|(due, step)| (due, step, position))
        });
        steps
            .filter(|(due, ..)| *due <= now_ms)
            .min_by_key(|(due, _, position)| (*due, *position))
    }

    fn claim(&mut self, now_ms: u64, seed: u64) -> Option<Job> {
        let (due_ms, step, position) = self.next_due(now_ms)?;
        let batch = self.batches.get_mut(position)?;
        let work = if step == Step::Validate {
            let file_id = batch.request.input_file_id.clone();
            let file = self.files.get(batch.project, &file_id, due_ms);
            Work::Validate(Box::new(Candidate {
                file_id,
                input: file.map(|file| file.content.clone()),
                endpoint: batch.request.endpoint,
                limits: self.limits.clone(),
                knobs: self.knobs.clone(),
            }))
        } else {
            let execution = batch.execution(step, &self.timing, &self.knobs, seed);
            execution.map_or(Work::Nothing, |execution| Work::Execute(Box::new(execution)))
        };
        batch.busy = true;
        Some(Job {
            batch: position,
            step,
            due_ms,
            work,
        })
    }

    fn apply(&mut self, job: &Job, outcome: Outcome, identifiers: &Identifiers) {
        let verdict = match outcome {
            Outcome::Validated(verdict) => Some(verdict.and_then(|plan| self.admit(plan, job.batch))),
            Outcome::Executed(mut results) => {
                self.ledger.record(std::mem::take(&mut results.executed));
                if let Some(batch) = self.batches.get_mut(job.batch) {
                    batch.results = Some(results);
                }
                None
            }
            Outcome::Nothing => None,
        };
        let Some(batch) = self.batches.get_mut(job.batch) else {
            return;
        };
        batch.busy = false;
        // A cancel call may have come in while the step was computed; then the batch is on another path.
        if batch.status == Status::Cancelling && job.step != Step::Cancel {
            return;
        }
        let due = Some(job.due_ms);
        match job.step {
            Step::Validate => match verdict {
                Some(Ok(plan)) => {
                    batch.total = plan.lines.len();
                    batch.requested_model = Some(plan.model.clone());
                    batch.plan = Some(plan.into());
                    batch.times.in_progress = due;
                    batch.status = Status::InProgress;
                    if self.knobs.early_file_ids {
                        self.announce_files(job.batch, job.due_ms, identifiers);
                    }
                    return;
                }
                Some(Err(errors)) => {
                    batch.errors = errors;
                    batch.times.failed = due;
                    batch.status = Status::Failed;
                }
                None => return,
            },
            Step::Finalize => {
                batch.times.finalizing = due;
                batch.status = Status::Finalizing;
                return;
            }
            Step::Complete => {
                batch.times.completed = due;
                batch.status = Status::Completed;
            }
            Step::Expire => {
                batch.times.expired = due;
                batch.status = Status::Expired;
            }
            Step::Cancel if self.knobs.cancel_loses_to_finalizing && batch.times.finalizing.is_some() => {
                batch.times.completed = due;
                batch.status = Status::Completed;
            }
            Step::Cancel => {
                batch.times.cancelled = due;
                batch.status = Status::Cancelled;
            }
        }
        self.active.retain(|&position| position != job.batch);
        self.publish_results(job.batch, job.due_ms, identifiers);
    }

    /// Holds a valid file back if the queue of its model is full (contract, case 37).
    fn admit(&self, plan: Plan, position: usize) -> Result<Plan, Vec<BatchError>> {
        let Some(limit) = self.limits.enqueued_tokens else {
            return Ok(plan);
        };
        let others = self.active.iter().filter(|&&other| other != position);
        let plans = others.filter_map(|&other| self.batches.get(other)?.plan.as_ref());
        let enqueued: u64 = plans
            .filter(|other| other.model == plan.model)
            .map(|other| other.prompt_tokens)
            .sum();
        if enqueued.saturating_add(plan.prompt_tokens) > limit {
            return Err(vec![BatchError::token_limit(&plan.model, limit)]);
        }
        Ok(plan)
    }

    /// Makes both result files visible while they are still empty (contract, case 52).
    fn announce_files(&mut self, position: usize, now_ms: u64, identifiers: &Identifiers) {
        let output = self.write_file(position, "output", Bytes::new(), now_ms, identifiers);
        let error = self.write_file(position, "error", Bytes::new(), now_ms, identifiers);
        if let Some(batch) = self.batches.get_mut(position) {
            batch.output_file_id = output;
            batch.error_file_id = error;
        }
    }

    /// Stores the result files of a batch that ended and shows what it used (contract, section 2.3).
    fn publish_results(&mut self, position: usize, now_ms: u64, identifiers: &Identifiers) {
        let Some(batch) = self.batches.get_mut(position) else {
            return;
        };
        // What is left in a batch that ended is small, so that a simulator can run for long.
        let (Some(plan), Some(results)) = (batch.plan.take(), &mut batch.results) else {
            return;
        };
        let (output, error) = (
            std::mem::take(&mut results.output),
            std::mem::take(&mut results.error),
        );
        batch.model = Some(format!("{}{}", plan.model, self.knobs.snapshot_suffix));
        if let (Some(output_id), Some(error_id)) = (&batch.output_file_id, &batch.error_file_id) {
            self.files.fill(output_id, output);
            self.files.fill(error_id, error);
            return;
        }
        let output_id = if output.is_empty() {
            None
        } else {
            self.write_file(position, "output", output, now_ms, identifiers)
        };
        let error_id = match (error.is_empty(), self.knobs.no_error_file) {
            (true, NoErrorFile::Null) => None,
            (true, NoErrorFile::EmptyString) => Some(String::new()),
            _ => self.write_file(position, "error", error, now_ms, identifiers),
        };
        if let Some(batch) = self.batches.get_mut(position) {
            batch.output_file_id = output_id;
            batch.error_file_id = error_id;
        }
    }

    fn write_file(
        &mut self,
        position: usize,
        kind: &str,
        content: Bytes,
        now_ms: u64,
        identifiers: &Identifiers,
    ) -> Option<String> {
        let batch = self.batches.get(position)?;
        let id = identifiers.next("file-");
        let expires_after: Option<ExpiresAfter> = batch.request.output_expires_after;
        self.files.add(StoredFile {
            id: id.clone(),
            project: batch.project,
            purpose: RESULT_PURPOSE.to_owned(),
            filename: format!("{}_{kind}.jsonl", batch.id),
            content,
            created_ms: now_ms,
            expires_after,
        });
        Some(id)
    }
}
