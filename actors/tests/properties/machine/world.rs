//! An upstream that loses, repeats, delays and refuses, a journal, and a gateway that crashes between them.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use batch_gpt_actors::rules::{
    batch::{Batch, Command, Event, Phase, Report, Ticket},
    fault::Fault,
    fingerprint::Fingerprint,
    ids::{BatchKey, FileId, RequestId},
    lane::{Endpoint, Lane, Tenant},
    leftover::Leftover,
    outcome::{ApiError, Origin, Outcome},
    record::{Accepted, Record, replay},
    retry::Polling,
    terms::Keeping,
    time::{Millis, Timestamp},
    upstream_batch::UpstreamBatch,
};
use proptest::prelude::*;

pub(super) const KEY: BatchKey = BatchKey(42);
pub(super) const POLLING: Polling = Polling { min: Millis(1_000), max: Millis(60_000) };

/// What the world does to one call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fate {
    Fine,
    /// The call never arrives, and this is known.
    NotSent,
    /// The call never arrives, and it looks as if it might have.
    RequestLost,
    /// The call is carried out, and its answer is lost.
    AnswerLost,
    /// The call is carried out, and nobody ever reports anything.
    Silence,
    /// The upstream asks for patience.
    Limited,
    /// The report comes twice.
    Twice,
    /// The report comes after the one of the next call.
    Late,
    /// The gateway dies before the call, or after it.
    CrashBefore,
    CrashAfter,
}

pub(super) fn fate() -> impl Strategy<Value = Fate> {
    use Fate::*;
    let fates =
        vec![NotSent, RequestLost, AnswerLost, Silence, Limited, Twice, Late, CrashBefore, CrashAfter];
    prop_oneof![2 => Just(Fine), 3 => prop::sample::select(fates)]
}

pub(super) struct World {
    pub(super) now: Timestamp,
    fates: VecDeque<Fate>,
    pub(super) journal: Vec<Record>,
    pub(super) files: Vec<FileId>,
    pub(super) batches: Vec<UpstreamBatch>,
    looks: u32,
    pub(super) outcomes: HashMap<RequestId, Vec<Outcome>>,
    pub(super) returned: Vec<RequestId>,
    late: Vec<Event>,
    refuse_create: bool,
    /// So many downloads lack lines.
    short: u32,
    /// Files that had to be removed.
    pub(super) removed: Vec<FileId>,
}

pub(super) fn requests() -> Arc<[RequestId]> {
    (0..3).map(RequestId).collect()
}

pub(super) fn lane() -> Arc<Lane> {
    Arc::new(Lane { tenant: Tenant::anonymous(), endpoint: Endpoint::ChatCompletions, model: "m".into() })
}

pub(super) fn described(id: usize, status: &str) -> UpstreamBatch {
    let text =
        format!(r#"{{"id":"batch_{id}","status":"{status}","created_at":{id},"input_file_id":"file-{id}"}}"#);
    UpstreamBatch::parse(&text).unwrap()
}

enum Ran {
    Reports(Vec<Event>),
    Crashed,
}

impl World {
    pub(super) fn new(fates: Vec<Fate>, refuse_create: bool, short: u32) -> Self {
        let accepted = requests()
            .iter()
            .map(|id| Record::Accepted {
                request: Accepted {
                    id: *id,
                    lane: lane(),
                    fingerprint: Fingerprint([0; 32]),
                    at: Timestamp(0),
                    attempts: 0,
                    keeping: Keeping::default(),
                },
                body: "{}".into(),
            })
            .collect();
        Self {
            now: Timestamp(1_000_000),
            fates: fates.into(),
            journal: accepted,
            files: Vec::new(),
            batches: Vec::new(),
            looks: 0,
            outcomes: HashMap::new(),
            returned: Vec::new(),
            late: Vec::new(),
            refuse_create,
            short,
            removed: Vec::new(),
        }
    }

    fn answer_all(&mut self, outcome: &Outcome) {
        for id in requests().iter() {
            let answered = self.journal.iter().any(|record| match record {
                Record::Answered { outcomes, .. } => outcomes.iter().any(|(done, _)| done == id),
                _ => false,
            });
            if answered {
                continue;
            }
            let outcomes: Arc<[_]> = [(*id, outcome.clone())].into();
            self.journal.push(Record::Answered { key: KEY, outcomes, at: self.now });
            self.outcomes.entry(*id).or_default().push(outcome.clone());
        }
    }

    /// Carries a call out.
    fn perform(&mut self, command: &Command) -> Report {
        match command {
            Command::Record(_, record) => {
                self.journal.push(record.clone());
                Report::Recorded
            }
            Command::FindFile(_) => Report::FileFound(self.files.last().cloned()),
            Command::Upload(_) => {
                let file = FileId::from(format!("file-{}", self.files.len()).as_str());
                self.files.push(file.clone());
                Report::Uploaded(file)
            }
            Command::FindBatches(_) => Report::BatchesFound(self.batches.clone()),
            Command::Create(..) if self.refuse_create => {
                let error = ApiError::new("invalid_request_error", Some("nope"), "no");
                Report::Failed(Fault::Permanent { status: 400, error })
            }
            Command::Create(..) => {
                let batch = described(self.batches.len(), "validating");
                self.batches.push(batch.clone());
                Report::Created(batch)
            }
            Command::Poll(_) => {
                self.looks += 1;
                let status = if self.looks >= 3 { "completed" } else { "in_progress" };
                Report::Polled(described(0, status))
            }
            Command::Read(..) => {
                if self.short > 0 {
                    self.short -= 1;
                    return Report::Incomplete(1);
                }
                self.answer_all(&Outcome { status: 200, body: "{}".into(), origin: Origin::Upstream });
                Report::Answered(None)
            }
            Command::Refuse(_, outcome) => {
                self.answer_all(&outcome.clone());
                Report::Answered(None)
            }
            Command::GiveBack(_, why) => {
                let untold = |id: &&RequestId| !self.outcomes.contains_key(id);
                self.returned = requests().iter().filter(untold).copied().collect();
                let requests = self.returned.iter().map(|id| (*id, 0)).collect();
                Report::Answered(Some(Arc::new(Leftover { requests, why: why.clone() })))
            }
            other => panic!("{other:?} is no call"),
        }
    }

    fn call(&mut self, ticket: Ticket, command: &Command) -> Ran {
        let fate = self.fates.pop_front().unwrap_or(Fate::Fine);
        // Records reach the store or wait for it; the network is what loses calls.
        let local = matches!(command, Command::Record(..) | Command::Refuse(..) | Command::GiveBack(..));
        let failed = |fault: Fault| Ran::Reports(vec![Event::Reported(ticket, Report::Failed(fault))]);
        let carried_out = |report: Report| Event::Reported(ticket, report);
        match fate {
            Fate::CrashBefore => Ran::Crashed,
            Fate::CrashAfter => {
                self.perform(command);
                Ran::Crashed
            }
            Fate::NotSent if !local => failed(Fault::Transient("refused".into())),
            Fate::RequestLost if !local => failed(Fault::Ambiguous("cut".into())),
            Fate::AnswerLost if !local => {
                self.perform(command);
                failed(Fault::Ambiguous("cut".into()))
            }
            Fate::Limited if !local => {
                failed(Fault::Limited { retry_after: Some(Millis(3_000)), why: "slow down".into() })
            }
            Fate::Silence => {
                self.perform(command);
                Ran::Reports(Vec::new())
            }
            Fate::Twice => {
                let report = self.perform(command);
                Ran::Reports(vec![carried_out(report.clone()), carried_out(report)])
            }
            Fate::Late => {
                let report = self.perform(command);
                self.late.push(carried_out(report));
                Ran::Reports(Vec::new())
            }
            _ => Ran::Reports(vec![carried_out(self.perform(command))]),
        }
    }
}

/// Runs the batch to its end, through as many lives as it takes.
pub(super) fn live(world: &mut World) -> Batch {
    let begin = Batch::seal(KEY, lane(), requests(), POLLING, world.now);
    let (mut batch, mut commands) = begin;
    for _ in 0..10_000 {
        if matches!(batch.phase, Phase::Settled) {
            turn(world, batch.clone(), commands);
            return batch;
        }
        match turn(world, batch, commands) {
            Some(next) => (batch, commands) = next,
            None => (batch, commands) = restart(world),
        }
    }
    panic!("the batch never ends");
}

/// What a restart makes of the journal. A batch that was never recorded is collated anew under the same key here,
/// which is harder than under a new one.
fn restart(world: &mut World) -> (Batch, Vec<Command>) {
    world.late.clear();
    world.now = world.now + Millis(5_000);
    let mut found = replay(world.journal.clone());
    match found.batches.pop() {
        Some(unfinished) => Batch::resume(unfinished, POLLING, world.now),
        None if world.journal.iter().any(|record| matches!(record, Record::Settled { .. })) => {
            let (mut batch, _) = Batch::seal(KEY, lane(), requests(), POLLING, world.now);
            batch.phase = Phase::Settled;
            (batch, Vec::new())
        }
        None => Batch::seal(KEY, lane(), requests(), POLLING, world.now),
    }
}

/// Carries commands out and feeds the reports back; `None` if the gateway died over it.
pub(super) fn turn(world: &mut World, batch: Batch, commands: Vec<Command>) -> Option<(Batch, Vec<Command>)> {
    let mut events = Vec::new();
    for command in &commands {
        let ticket = match command {
            Command::Record(ticket, _)
            | Command::FindFile(ticket)
            | Command::Upload(ticket)
            | Command::FindBatches(ticket)
            | Command::Create(ticket, _)
            | Command::Poll(ticket)
            | Command::Read(ticket, ..)
            | Command::GiveBack(ticket, _)
            | Command::Refuse(ticket, _) => *ticket,
            Command::Note(record) => {
                world.journal.push(record.clone());
                continue;
            }
            Command::CancelOrphan(orphan) => panic!("{} was created twice", orphan.id),
            Command::CancelOverdue(_) => panic!("{command:?} has no place here"),
            Command::Remove(files) => {
                let over = world.batches.is_empty() || world.looks >= 3;
                assert!(over, "{files:?} are removed while their batch runs");
                world.removed.extend_from_slice(files);
                continue;
            }
            Command::HandOver | Command::WakeAt(_) | Command::Ended(_) | Command::Finish => continue,
        };
        match world.call(ticket, command) {
            Ran::Reports(reports) => {
                let old = if reports.is_empty() { Vec::new() } else { std::mem::take(&mut world.late) };
                events.extend(reports.into_iter().chain(old));
            }
            Ran::Crashed => return None,
        }
    }
    if events.is_empty() {
        world.now = world.now.max(batch.wakes_at());
        events.push(Event::Due);
    }
    let mut machine = batch;
    let mut more = Vec::new();
    for event in events {
        let (next, commands) = machine.step(event, world.now);
        machine = next;
        more.extend(commands);
    }
    Some((machine, more))
}
