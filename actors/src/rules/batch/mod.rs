//! The life of one batch, as a machine.
//!
//! ```text
//! Sealed ─▶ Uploading ─▶ Uploaded ─▶ Creating ─▶ Created ─▶ Watching ─▶ Reading ─▶ Settling ─▶ Settled
//!             │ ▲           ▲          │ ▲          ▲         ▲   ▲        │          ▲
//!             ▼ │           │          ▼ │          │         │   └────────┘          │
//!          FindingFile ─────┘       FindingBatch ───┘         │    incomplete     Refusing, Returning
//!             ▲                        ▲                      │                 (from any step that may
//!          a restart,               a restart,             a restart,             end in a refusal)
//!          if sealed                if uploaded            if created
//! ```
//!
//! `Sealed`, `Uploaded`, `Created` and `Settling` wait for their record to be durable before the step after them is
//! taken; so a restart knows what may have happened, and looks upstream before it does it again. One call is under
//! way at a time. Each carries a ticket, and a report under an older ticket changes nothing: reports may be lost,
//! repeated or late. The BatchSubmitter runs the machine up to `Created`, the Poller from there.

mod call;
mod phase;
mod refused;
mod spent;
mod words;

use std::sync::Arc;

use super::{
    fault::Fault,
    ids::{BatchId, BatchKey, FileId, RequestId},
    lane::Lane,
    leftover::Why,
    record::{Progress, Record, UnfinishedBatch},
    refusal::{self, Cause},
    retry::{self, Next, Polling},
    time::{Millis, Timestamp},
    upstream_batch::UpstreamBatch,
};

use crate::mutation::{self, Mutation};

use spent::Spent;

pub use phase::Phase;
pub use words::{Command, Event, Report, Terms, Ticket};

/// How often to look for a batch whose creation may have happened, before creating it again: the upstream's list
/// may lag behind. The pauses between the looks are one, two and four times the shortest polling interval.
const LOOKS: u32 = 4;
/// How long an upstream may deny knowing a batch that it created itself (contract, section 7A, 69 and 74).
const MISSING_PATIENCE: Millis = Millis::from_secs(6 * 3600);
/// How often to look at a batch and read it again whose files lack requests, before these count as failed: a download
/// may end too early without a sign of it, and file ids may lag behind the status (contract, section 2.3).
const REREADS: u32 = 3;
/// How long an overdue batch may take to end once its cancellation has been asked for.
const LAST_RESORT: Millis = Millis::from_secs(6 * 3600);
/// Pause before a creation that was refused for lack of money is tried again: somebody has to pay first.
const UNFUNDED: Millis = Millis::from_secs(600);

/// One batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Its key.
    pub key: BatchKey,
    /// Its lane.
    pub lane: Arc<Lane>,
    /// Its lines, in order.
    pub requests: Arc<[RequestId]>,
    /// When it was sealed.
    pub sealed_at: Timestamp,
    /// Where it stands.
    pub phase: Phase,
    polling: Polling,
    ticket: Ticket,
    /// A call or record is under way under the current ticket.
    busy: bool,
    failures: u32,
    failing_since: Option<Timestamp>,
    polls: u32,
    wake: Timestamp,
    /// Somebody had the gateway cancel it.
    cancelled: bool,
    /// Its cancellation has been asked for because its time is over.
    overdue: bool,
    rereads: u32,
    /// An earlier life had begun to refuse it, so it must not be created any more; what it left untold goes on.
    abandoned: bool,
    spent: Spent,
}

impl Batch {
    /// A batch just sealed, and what to do first.
    pub fn seal(
        key: BatchKey,
        lane: Arc<Lane>,
        requests: Arc<[RequestId]>,
        polling: Polling,
        now: Timestamp,
    ) -> (Self, Vec<Command>) {
        Self::at(Phase::Sealed, key, lane, requests, polling, now).enter(Phase::Sealed, now)
    }

    /// A batch found in the journal, and what to do first: whatever may have happened is looked for.
    pub fn resume(found: UnfinishedBatch, polling: Polling, now: Timestamp) -> (Self, Vec<Command>) {
        let UnfinishedBatch { key, lane, requests, answered, sealed_at, progress, cancelled, .. } = found;
        let mut batch = Self::at(Phase::Sealed, key, lane, requests, polling, sealed_at);
        batch.cancelled = cancelled;
        batch.abandoned = !answered.is_empty();
        match progress {
            Progress::Sealed if batch.abandoned => batch.enter(Phase::Returning(Why::Failed), now),
            Progress::Sealed => batch.enter(Phase::FindingFile, now),
            Progress::Uploaded(file) => batch.enter(Phase::FindingBatch(file, 1), now),
            Progress::Created(seen) => {
                batch.phase = Phase::Watching(seen);
                let (batch, mut commands) = batch.again(now);
                commands.insert(0, Command::HandOver);
                (batch, commands)
            }
        }
    }

    fn at(
        phase: Phase,
        key: BatchKey,
        lane: Arc<Lane>,
        requests: Arc<[RequestId]>,
        polling: Polling,
        sealed_at: Timestamp,
    ) -> Self {
        Self {
            key,
            lane,
            requests,
            sealed_at,
            phase,
            polling,
            ticket: Ticket(0),
            busy: false,
            failures: 0,
            failing_since: None,
            polls: 0,
            wake: sealed_at,
            cancelled: false,
            overdue: false,
            rereads: 0,
            abandoned: false,
            spent: Spent::default(),
        }
    }

    /// Somebody has the gateway cancel it: what it leaves undone is not sent again.
    pub fn cancel(&mut self) {
        self.cancelled = true;
    }

    /// Its files are not to be removed when it has ended.
    pub fn spare_files(&mut self) {
        self.spent.spare();
    }

    /// Takes an event; says what to do.
    pub fn step(self, event: Event, now: Timestamp) -> (Self, Vec<Command>) {
        match event {
            Event::Reported(ticket, report) if self.busy && ticket == self.ticket => self.report(report, now),
            Event::Seen(seen) if matches!(self.phase, Phase::Watching(_)) => self.see(seen, now),
            Event::Due if now >= self.wake => self.due(now),
            _ => (self, Vec::new()),
        }
    }

    fn due(self, now: Timestamp) -> (Self, Vec<Command>) {
        match (&self.phase, self.busy) {
            (Phase::Settled, _) => (self, Vec::new()),
            (_, false) => self.again(now),
            (Phase::Uploading | Phase::Creating(_), true) => {
                self.report(Report::Failed(Fault::Ambiguous("no answer came".into())), now)
            }
            (_, true) => self.report(Report::Failed(Fault::Transient("no answer came".into())), now),
        }
    }

    fn report(mut self, report: Report, now: Timestamp) -> (Self, Vec<Command>) {
        self.busy = false;
        if let Report::Failed(fault) = report {
            return self.fail(fault, now);
        }
        self.failures = 0;
        self.failing_since = None;
        match (self.phase.clone(), report) {
            (Phase::Sealed, Report::Recorded) => self.enter(Phase::Uploading, now),
            (Phase::FindingFile, Report::FileFound(None)) => self.enter(Phase::Uploading, now),
            (Phase::FindingFile, Report::FileFound(Some(file)))
            | (Phase::Uploading, Report::Uploaded(file)) => self.enter(Phase::Uploaded(file), now),
            (Phase::Uploaded(file), Report::Recorded) => self.enter(Phase::Creating(file), now),
            (Phase::FindingBatch(file, looks), Report::BatchesFound(found)) => {
                self.found(file, looks, found, now)
            }
            (Phase::Creating(_), Report::Created(batch)) => self.enter(Phase::Created(batch), now),
            (Phase::Created(batch), Report::Recorded) => {
                self.phase = Phase::Watching(batch.clone());
                let (machine, mut commands) = self.see(batch, now);
                commands.insert(0, Command::HandOver);
                (machine, commands)
            }
            (Phase::Watching(_), Report::Polled(seen)) => self.see(seen, now),
            (Phase::Reading(batch), Report::Answered(leftover)) => {
                self.spent.ended(batch);
                self.enter(Phase::Settling(leftover), now)
            }
            (Phase::Refusing(_) | Phase::Returning(_), Report::Answered(leftover)) => {
                self.enter(Phase::Settling(leftover), now)
            }
            (Phase::Reading(batch), Report::Incomplete(_)) => self.look_again(batch, now),
            (Phase::Settling(leftover), Report::Recorded) => {
                self.phase = Phase::Settled;
                let spent = self.spent.files();
                let remove = (!spent.is_empty()).then_some(Command::Remove(spent));
                let ended = [Command::Ended(leftover)].into_iter().chain(remove);
                let commands = ended.chain([Command::Finish]).collect();
                (self, commands)
            }
            // A report that does not fit its call is a fault of whoever runs the machine; the call is made again.
            (_, _) => self.again(now),
        }
    }

    /// The looking has ended. Of several batches with one key the oldest is ours; the others must not run.
    fn found(
        mut self,
        file: FileId,
        looks: u32,
        mut found: Vec<UpstreamBatch>,
        now: Timestamp,
    ) -> (Self, Vec<Command>) {
        found.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        let mut found = found.into_iter();
        if let Some(first) = found.next() {
            let orphans: Vec<_> =
                found.filter(|batch| !batch.status.is_terminal()).map(Command::CancelOrphan).collect();
            let (machine, mut commands) = self.enter(Phase::Created(first), now);
            commands.extend(orphans);
            return (machine, commands);
        }
        if looks >= LOOKS && self.abandoned {
            return self.enter(Phase::Returning(Why::Failed), now);
        }
        if looks >= LOOKS {
            return self.enter(Phase::Creating(file), now);
        }
        self.phase = Phase::FindingBatch(file, looks + 1);
        let pause = Millis(self.polling.min.0 << (looks - 1).min(LOOKS));
        self.sleep(now + pause)
    }

    /// The files lack requests: the batch is looked at afresh, and read again.
    fn look_again(mut self, batch: UpstreamBatch, now: Timestamp) -> (Self, Vec<Command>) {
        let pause = Millis(self.polling.min.0 << self.rereads.min(REREADS));
        self.rereads += 1;
        self.phase = Phase::Watching(batch);
        self.sleep(now + pause)
    }

    /// News of a batch that exists upstream.
    fn see(mut self, seen: UpstreamBatch, now: Timestamp) -> (Self, Vec<Command>) {
        let mut commands = Vec::new();
        if matches!(&self.phase, Phase::Watching(known) if *known != seen) {
            commands.push(Command::Note(Record::Observed { key: self.key, batch: seen.clone(), at: now }));
        }
        let overtime = refused::overtime(self.sealed_at, &seen, now);
        let (machine, more) = if seen.status.is_terminal() {
            self.enter(Phase::Reading(seen), now)
        } else if overtime >= Some(LAST_RESORT) {
            self.enter(Phase::Refusing(refused::overdue(&seen)), now)
        } else {
            if overtime.is_some() && !self.overdue {
                self.overdue = true;
                commands.push(Command::CancelOverdue(seen.id.clone()));
            }
            self.phase = Phase::Watching(seen);
            self.busy = false;
            let due = self.polling.next(now, self.polls, self.seed());
            self.polls = self.polls.saturating_add(1);
            self.sleep(due)
        };
        commands.extend(more);
        (machine, commands)
    }

    fn fail(mut self, fault: Fault, now: Timestamp) -> (Self, Vec<Command>) {
        if let Fault::Deferred(span) = fault {
            let until = now + retry::later(span, self.seed(), self.polls);
            return self.sleep(until);
        }
        self.spent.failed(&self.phase, &fault);
        if let Some(why) = refused::given_back(&self.phase, &fault) {
            return self.enter(Phase::Returning(why), now);
        }
        self.failures += 1;
        let since = *self.failing_since.get_or_insert(now);
        let elapsed = now.since(since);
        // A batch that exists, or may, is paid for: no refusal of a look or of a download ends it at once.
        let stubborn = matches!(self.phase, Phase::FindingBatch(..) | Phase::Watching(_) | Phase::Reading(_));
        let lost = stubborn && elapsed >= MISSING_PATIENCE;
        let softened = match &fault {
            Fault::Permanent { .. } if stubborn && !lost => Fault::Transient(fault.to_string()),
            Fault::Permanent { error, .. } if refusal::cause(error) == Cause::Funds => {
                Fault::Limited { retry_after: Some(UNFUNDED), why: error.message.clone() }
            }
            _ => fault.clone(),
        };
        match retry::next(&softened, self.failures, elapsed, self.seed()) {
            _ if self.phase.must_not_be_given_up() => {
                self.sleep(now + retry::LONGEST_PAUSE.min(Millis(1000)))
            }
            Next::Again(pause) if matches!(self.phase, Phase::Watching(_)) => {
                // A failed look is no reason for more looks than a good one.
                let interval = self.polling.interval(self.polls, self.seed());
                self.polls = self.polls.saturating_add(1);
                self.sleep(now + pause.max(interval))
            }
            Next::Again(pause) => self.sleep(now + pause),
            Next::Look(pause) => {
                self.phase = match self.phase {
                    Phase::Uploading => Phase::FindingFile,
                    Phase::Creating(file) if !mutation::breaks(Mutation::DoubleCreate) => {
                        Phase::FindingBatch(file, 1)
                    }
                    other => other,
                };
                self.sleep(now + pause)
            }
            Next::GiveUp => {
                let outcome =
                    if stubborn { refused::unreachable(&fault) } else { refused::refusal_of(&fault) };
                self.enter(Phase::Refusing(outcome), now)
            }
        }
    }

    fn sleep(mut self, until: Timestamp) -> (Self, Vec<Command>) {
        self.wake = until;
        (self, vec![Command::WakeAt(until)])
    }

    fn enter(mut self, phase: Phase, now: Timestamp) -> (Self, Vec<Command>) {
        self.phase = phase;
        self.failures = 0;
        self.failing_since = None;
        self.again(now)
    }

    /// Makes the call that belongs to the phase, under a new ticket.
    fn again(mut self, now: Timestamp) -> (Self, Vec<Command>) {
        self.ticket.0 = self.ticket.0.wrapping_add(1);
        self.busy = true;
        let Some(call) = self.call(now) else { return (self, Vec::new()) };
        self.wake = now + self.phase.patience();
        let wake = Command::WakeAt(self.wake);
        (self, vec![call, wake])
    }

    /// Its id upstream, once that is known.
    pub fn upstream_id(&self) -> Option<&BatchId> {
        match &self.phase {
            Phase::Created(batch) | Phase::Watching(batch) | Phase::Reading(batch) => Some(&batch.id),
            _ => None,
        }
    }

    /// When the machine wants to be woken.
    pub fn wakes_at(&self) -> Timestamp {
        self.wake
    }

    /// What spreads this batch's pauses from those of others.
    fn seed(&self) -> u64 {
        (self.key.0 ^ (self.key.0 >> 64)) as u64
    }
}
