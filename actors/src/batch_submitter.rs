//! The BatchSubmitter: sealed batches that are not known to exist upstream.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{
    alarm::Alarm,
    cell::{Behaviour, Letter, Mail, Receive},
    collector::Collector,
    drain::Drain,
    file_remover::FileRemover,
    job::Job,
    links::{Addressee, Links, PIECE, run},
    memory::Body,
    pollers::Pollers,
    rules::{
        batch::{Batch, Command, Event, Phase, Report, Ticket},
        ids::{BatchKey, RequestId},
        lane::Lane,
        leftover::Attempts,
        outcome::Outcome,
        record::UnfinishedBatch,
        resend::Lineage,
    },
    status_logger::Write,
    submission,
};

/// A request as it goes into the file.
#[derive(Debug)]
pub struct Line {
    /// Its id.
    pub id: RequestId,
    /// Its body, one line.
    pub body: Body,
}

/// A sealed lane asks to be submitted.
pub struct Submit {
    /// The new batch's key.
    pub key: BatchKey,
    /// Its lane.
    pub lane: Arc<Lane>,
    /// Its lines, in order.
    pub lines: Arc<[Line]>,
    /// How often their requests have been sent before.
    pub attempts: Attempts,
    /// Where it comes from.
    pub lineage: Lineage,
    /// Who has the clients.
    pub collector: Mail<Collector>,
}

impl Letter for Submit {
    const NAME: &'static str = "Submit";
    type Reply = ();
}

/// A batch of an earlier life of the gateway asks to be taken up.
pub struct Resume {
    /// What the journal knows of it.
    pub unfinished: UnfinishedBatch,
    /// Its lines, if it may have to be uploaded.
    pub lines: Arc<[Line]>,
    /// Who has the clients.
    pub collector: Mail<Collector>,
}

impl Letter for Resume {
    const NAME: &'static str = "Resume";
    type Reply = ();
}

/// A call or a record has ended.
struct Reported {
    key: BatchKey,
    ticket: Ticket,
    report: Report,
}

impl Letter for Reported {
    const NAME: &'static str = "Reported";
    type Reply = ();
}

/// A batch wanted to be woken now.
struct JobDue {
    key: BatchKey,
}

impl Letter for JobDue {
    const NAME: &'static str = "JobDue";
    type Reply = ();
}

/// A batch in this submitter's hands.
struct InHand {
    job: Job,
    lines: Arc<[Line]>,
    alarm: Alarm,
}

/// See the module.
pub struct BatchSubmitter {
    jobs: HashMap<BatchKey, InHand>,
    drains: Vec<oneshot::Sender<()>>,
    links: Arc<Links>,
    pollers: Arc<Pollers>,
    remover: Mail<FileRemover>,
}

impl BatchSubmitter {
    /// A submitter with nothing in hand.
    pub fn new(links: Arc<Links>, pollers: Arc<Pollers>, remover: Mail<FileRemover>) -> Self {
        Self { jobs: HashMap::new(), drains: Vec::new(), links, pollers, remover }
    }

    fn take_on(&mut self, mut job: Job, lines: Arc<[Line]>, commands: Vec<Command>, me: &Mail<Self>) {
        if !self.links.calling.removes_files {
            job.batch.spare_files();
        }
        let key = job.batch.key;
        self.jobs.insert(key, InHand { job, lines, alarm: Alarm::default() });
        self.perform(key, commands, me);
    }

    fn step(&mut self, key: BatchKey, event: Event, me: &Mail<Self>) {
        let Some(InHand { job, lines, .. }) = self.jobs.get_mut(&key) else {
            return;
        };
        let before = job.batch.phase.name();
        let (batch, commands) = job.batch.clone().step(event, self.links.clock.now());
        job.batch = batch;
        if matches!(job.batch.phase, Phase::Uploaded(_)) {
            *lines = Arc::new([]);
        }
        if job.batch.phase.name() != before {
            log::debug!("{key}: {before} -> {}", job.batch.phase.name());
        }
        if before == "finding_batch" && matches!(job.batch.phase, Phase::Creating(_)) {
            self.links.ledger.counters.batches_created_again.add(1);
        }
        self.perform(key, commands, me);
    }

    fn perform(&mut self, key: BatchKey, commands: Vec<Command>, me: &Mail<Self>) {
        let mut commands = commands.into_iter();
        while let Some(command) = commands.next() {
            match command {
                Command::HandOver => {
                    self.hand_over(key, commands.by_ref().collect());
                }
                Command::Finish => {
                    self.jobs.remove(&key);
                }
                other => self.start(key, other, me),
            }
        }
        me.meter().set_load(self.jobs.len());
        if self.jobs.is_empty() {
            // Whoever asked and left needs no word.
            for drain in self.drains.drain(..) {
                let _ = drain.send(());
            }
        }
    }

    fn hand_over(&mut self, key: BatchKey, commands: Vec<Command>) {
        let Some(InHand { job, .. }) = self.jobs.remove(&key) else { return };
        self.pollers.watch(job, commands);
    }

    /// Starts one call or record; its end comes back as [`Reported`].
    fn start(&mut self, key: BatchKey, command: Command, me: &Mail<Self>) {
        let Some(InHand { job, lines, alarm }) = self.jobs.get_mut(&key) else {
            return;
        };
        let links = self.links.clone();
        let (lane, sealed_at, mail) = (job.batch.lane.clone(), job.batch.sealed_at, me.clone());
        let reported = move |ticket| move |report| mail.tell(Reported { key, ticket, report });
        match command {
            Command::Record(ticket, record) => {
                let reported = reported(ticket);
                links.loggers.by(&lane).tell(Write::must(record, move || reported(Report::Recorded)));
            }
            Command::FindFile(ticket) => {
                run(async move { submission::find_file(&links, key, sealed_at).await }, reported(ticket));
            }
            Command::Upload(ticket) => {
                let lines = lines.clone();
                run(async move { submission::upload(&links, key, &lane, lines).await }, reported(ticket));
            }
            Command::FindBatches(ticket) => {
                run(async move { submission::find_batches(&links, key, sealed_at).await }, reported(ticket));
            }
            Command::Create(ticket, file) => {
                run(
                    async move { submission::create(&links, key, lane.endpoint, &file).await },
                    reported(ticket),
                );
            }
            Command::CancelOrphan(batch) => {
                tokio::spawn(submission::cancel_orphan(links, key, batch));
            }
            Command::Refuse(ticket, outcome) => {
                let (to, ids): (_, Vec<RequestId>) = (job.addressee(), job.open().collect());
                log::warn!("{key}: its {} requests are refused with {}", ids.len(), outcome.status);
                run(
                    async move {
                        refuse_all(&links, &to, &ids, &outcome).await;
                        Ok(Report::Answered(None))
                    },
                    reported(ticket),
                );
            }
            Command::GiveBack(ticket, why) => {
                log::warn!("{key}: is not taken: {why:?}");
                reported(ticket)(Report::Answered(Some(job.untouched(why))));
            }
            Command::Ended(leftover) => job.ended(leftover),
            Command::Remove(files) => job.remove(&files),
            Command::Note(record) => links.loggers.by(&lane).tell(Write::note(record)),
            Command::WakeAt(at) => alarm.set(at, &links.clock, me, JobDue { key }),
            // These belong to the Poller's half of the machine, or were taken before.
            Command::Poll(_)
            | Command::Read(..)
            | Command::CancelOverdue(_)
            | Command::HandOver
            | Command::Finish => {}
        }
    }
}

async fn refuse_all(links: &Links, to: &Addressee, ids: &[RequestId], outcome: &Outcome) {
    for piece in ids.chunks(PIECE) {
        links.answer(to, piece.iter().map(|id| (*id, outcome.clone())).collect()).await;
    }
}

impl Behaviour for BatchSubmitter {
    const KIND: &'static str = "BatchSubmitter";

    fn snapshot(&self) -> Value {
        let jobs = self.jobs.values().map(|InHand { job: Job { batch, .. }, .. }| {
            json!({ "key": batch.key, "phase": batch.phase.name(), "requests": batch.requests.len() })
        });
        json!({ "batches_in_hand": self.jobs.len(), "batches": jobs.take(100).collect::<Vec<_>>() })
    }
}

impl Receive<Submit> for BatchSubmitter {
    fn receive(&mut self, submit: Submit, me: &Mail<Self>) {
        let Submit { key, lane, lines, attempts, lineage, collector } = submit;
        let requests = lines.iter().map(|line| line.id).collect();
        let (polling, now) = (self.links.calling.polling, self.links.clock.now());
        let (batch, commands) = Batch::seal(key, lane, requests, polling, now);
        let (answered, remover) = (HashSet::new(), self.remover.clone());
        let job = Job { batch, answered, attempts, lineage, collector, remover };
        self.take_on(job, lines, commands, me);
    }
}

impl Receive<Resume> for BatchSubmitter {
    fn receive(&mut self, resume: Resume, me: &Mail<Self>) {
        let Resume { unfinished, lines, collector } = resume;
        let (answered, attempts) = (unfinished.answered.clone(), unfinished.attempts.clone());
        let (polling, now) = (self.links.calling.polling, self.links.clock.now());
        let (batch, commands) = Batch::resume(unfinished, polling, now);
        let (lineage, remover) = (Lineage::default(), self.remover.clone());
        let job = Job { batch, answered, attempts, lineage, collector, remover };
        self.take_on(job, lines, commands, me);
    }
}

impl Receive<Reported> for BatchSubmitter {
    fn receive(&mut self, reported: Reported, me: &Mail<Self>) {
        if let Report::Failed(fault) = &reported.report {
            log::warn!("{}: {fault}", reported.key);
        }
        self.step(reported.key, Event::Reported(reported.ticket, reported.report), me);
    }
}

impl Receive<JobDue> for BatchSubmitter {
    fn receive(&mut self, due: JobDue, me: &Mail<Self>) {
        self.step(due.key, Event::Due, me);
    }
}

impl Receive<Drain> for BatchSubmitter {
    fn receive(&mut self, drain: Drain, _: &Mail<Self>) {
        if self.jobs.is_empty() {
            // Whoever asked and left needs no word.
            let _ = drain.reply.send(());
        } else {
            self.drains.push(drain.reply);
        }
    }
}
