//! Everything the simulator knows.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::agenda::Agenda;
use crate::batch::{Batch, Status, Times};
use crate::batch_error::BatchError;
use crate::clock::Clock;
use crate::create::CreateRequest;
use crate::fate::Fate;
use crate::fault::Stage;
use crate::fault_book::{Drawn, FaultBook};
use crate::faults::Faults;
use crate::file::{Files, Project};
use crate::identifier::Identifiers;
use crate::knobs::Knobs;
use crate::ledger::{Ledger, LedgerReport};
use crate::operation::Operation;
use crate::plan::Plan;
use crate::settings::{Limits, Settings, Timing};
use crate::transition::{Job, Outcome, Step};
use crate::tries::Tries;
use crate::webhook::{Event, Webhooks};

/// The state all requests share.
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) identifiers: Identifiers,
    tries: Tries,
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
    pub(crate) agenda: Agenda,
    pub(crate) webhooks: Webhooks,
    /// Events that wait for their delivery.
    events: Vec<Event>,
}

impl World {
    pub(crate) fn new(settings: Settings) -> World {
        World {
            clock: Clock::new(),
            identifiers: Identifiers::new(settings.seed),
            tries: Tries::default(),
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
                agenda: Agenda::default(),
                webhooks: settings.webhooks,
                events: Vec::new(),
            }),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a batch has a step to make.
    pub(crate) fn is_due(&self) -> bool {
        self.lock().agenda.due(self.clock.now_ms()).is_some()
    }

    /// Makes all steps that are due, in the order in which they were due. Steps are computed without holding
    /// the lock, so other requests are answered meanwhile, from the state before the step.
    pub(crate) fn settle(&self) {
        loop {
            let job = self.lock().claim(self.clock.now_ms(), self.seed);
            let Some(job) = job else { return };
            let outcome = job.run(&self.identifiers, &self.tries, self.seed);
            self.lock().apply(&job, outcome, &self.identifiers);
        }
    }

    /// The ledger after all steps that are due.
    pub(crate) fn report(&self) -> LedgerReport {
        self.settle();
        let state = self.lock();
        state.ledger.report(state.batches.iter().map(Batch::entry).collect())
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
        fate: Fate,
        now_ms: u64,
    ) -> usize {
        let window_ms = self.limits.window_seconds.saturating_mul(1000);
        let position = self.batches.len();
        self.positions.insert(id.clone(), position);
        self.ledger.creates += 1;
        self.batches.push(Batch {
            id,
            project,
            request,
            fate,
            status: Status::Validating,
            times: Times { created: now_ms, expires: now_ms.saturating_add(window_ms), ..Times::default() },
            errors: Vec::new(),
            total: 0,
            requested_model: None,
            plan: None,
            results: None,
            output_file_id: None,
            error_file_id: None,
            model: None,
            busy: false,
            due_ms: None,
        });
        self.schedule(position);
        position
    }

    /// Enters a computed step, and the next one in the agenda.
    fn apply(&mut self, job: &Job, outcome: Outcome, identifiers: &Identifiers) {
        self.make(job, outcome, identifiers);
        self.schedule(job.batch);
        self.announce_end(job, identifiers);
    }

    /// Enters an event if the step was the batch's last one and somebody wants to know.
    fn announce_end(&mut self, job: &Job, identifiers: &Identifiers) {
        let ended = self.batches.get(job.batch).filter(|batch| batch.is_terminal());
        if let (Some(batch), Some(_)) = (ended, &self.webhooks.url) {
            let (status, delivery) = (batch.status.name(), batch.fate.delivery);
            self.events.push(Event::of(&batch.id, status, delivery, job.due_ms, identifiers));
        }
    }

    /// The events to be delivered, and how.
    pub(crate) fn take_events(&mut self) -> (Vec<Event>, Webhooks) {
        (std::mem::take(&mut self.events), self.webhooks.clone())
    }

    fn make(&mut self, job: &Job, outcome: Outcome, identifiers: &Identifiers) {
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
        self.publish_results(job.batch, job.due_ms, identifiers);
    }

    /// Holds a valid file back if the queue of its model is full (contract, case 37).
    fn admit(&self, plan: Plan, position: usize) -> Result<Plan, Vec<BatchError>> {
        let Some(limit) = self.limits.enqueued_tokens_of(&plan.model) else {
            return Ok(plan);
        };
        let others = self.agenda.active().filter(|&other| other != position);
        let plans = others.filter_map(|other| self.batches.get(other)?.plan.as_ref());
        let enqueued: u64 =
            plans.filter(|other| other.model == plan.model).map(|other| other.prompt_tokens).sum();
        if enqueued.saturating_add(plan.prompt_tokens) > limit {
            return Err(vec![BatchError::token_limit(&plan.model, limit)]);
        }
        Ok(plan)
    }
}
