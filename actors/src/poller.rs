//! The Poller: one batch that exists upstream, until every request of it has its outcome.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::{Mutex, oneshot};

use crate::{
    alarm::Alarm,
    cell::{Behaviour, Letter, Mail, Receive},
    job::Job,
    links::{Kind, Links, run},
    pollers::Pollers,
    reading::Reading,
    rules::{
        batch::{Command, Event, Report, Ticket},
        fault::Fault,
        ids::BatchId,
        record::Record,
        upstream_batch::UpstreamBatch,
    },
    status_logger::Write,
    submission,
};

/// Begin.
pub struct Watch {
    /// What the machine wants first.
    pub commands: Vec<Command>,
}

impl Letter for Watch {
    const NAME: &'static str = "Watch";
    type Reply = ();
}

/// A call or a record has ended.
struct Reported {
    ticket: Ticket,
    report: Report,
}

impl Letter for Reported {
    const NAME: &'static str = "Reported";
    type Reply = ();
}

/// Time to look.
struct PollDue;

impl Letter for PollDue {
    const NAME: &'static str = "PollDue";
    type Reply = ();
}

/// Somebody wants the batch cancelled.
pub struct Cancel {
    /// For what the upstream says to it.
    pub reply: oneshot::Sender<Result<UpstreamBatch, Fault>>,
}

impl Letter for Cancel {
    const NAME: &'static str = "Cancel";
    type Reply = ();
}

/// That somebody wants the batch cancelled is durable; only now it may be done.
struct CancelRecorded {
    reply: oneshot::Sender<Result<UpstreamBatch, Fault>>,
}

impl Letter for CancelRecorded {
    const NAME: &'static str = "CancelRecorded";
    type Reply = ();
}

/// The batch was seen by somebody else.
struct Seen(UpstreamBatch);

impl Letter for Seen {
    const NAME: &'static str = "Seen";
    type Reply = ();
}

/// See the module.
pub struct Poller {
    job: Job,
    reading: Arc<Mutex<Reading>>,
    alarm: Alarm,
    links: Arc<Links>,
    pollers: Arc<Pollers>,
}

impl Poller {
    /// A Poller for a batch of which some requests may have their outcome already.
    pub(crate) fn new(job: Job, links: Arc<Links>, pollers: Arc<Pollers>) -> Self {
        let reading = Reading::new(&job, &links);
        Self { job, reading: Arc::new(Mutex::new(reading)), alarm: Alarm::default(), links, pollers }
    }

    fn step(&mut self, event: Event, me: &Mail<Self>) {
        let (batch, commands) = self.job.batch.clone().step(event, self.links.clock.now());
        self.job.batch = batch;
        self.perform(commands, me);
    }

    fn perform(&mut self, commands: Vec<Command>, me: &Mail<Self>) {
        for command in commands {
            self.start(command, me);
        }
    }

    /// Starts one call or record; its end comes back as [`Reported`].
    fn start(&mut self, command: Command, me: &Mail<Self>) {
        let links = self.links.clone();
        let logger = links.loggers.by(&self.job.batch.lane).clone();
        let mail = me.clone();
        let reported = move |ticket| move |report| mail.tell(Reported { ticket, report });
        match command {
            Command::Record(ticket, record) => {
                let reported = reported(ticket);
                logger.tell(Write::must(record, move || reported(Report::Recorded)));
            }
            Command::Note(record) => logger.tell(Write::note(record)),
            Command::Poll(ticket) => {
                let Some(id) = self.job.batch.upstream_id().cloned() else {
                    return;
                };
                let look = async move {
                    let seen = links.call(Kind::Read, |upstream| async move { upstream.retrieve(&id).await });
                    seen.await.map(Report::Polled)
                };
                run(look, reported(ticket));
            }
            Command::Read(ticket, batch, terms) => {
                let (reading, to) = (self.reading.clone(), self.job.addressee());
                log::info!("{}: {} is {}; reading its files", to.key, batch.id, batch.status.as_str());
                let read = async move { reading.lock().await.read(&links, &to, &batch, terms).await };
                run(read, reported(ticket));
            }
            Command::Refuse(ticket, outcome) => {
                let (reading, to) = (self.reading.clone(), self.job.addressee());
                log::error!("{}: its open requests are refused with {}", to.key, outcome.status);
                run(
                    async move {
                        reading.lock().await.refuse(&links, &to, &outcome).await;
                        Ok(Report::Answered(None))
                    },
                    reported(ticket),
                );
            }
            Command::WakeAt(at) => self.alarm.set(at, &links.clock, me, PollDue),
            Command::CancelOverdue(id) => {
                log::error!("{}: {id} is over its time and is cancelled", self.job.batch.key);
                self.cancel(id, |_| {}, me);
            }
            Command::Ended(leftover) => self.job.ended(leftover),
            Command::Remove(files) => self.job.remove(&files),
            Command::Finish => {
                log::info!("{}: settled", self.job.batch.key);
                self.alarm.clear();
                self.pollers.retire(self.job.batch.key);
            }
            // These belong to the BatchSubmitter's half of the machine.
            Command::FindFile(_)
            | Command::Upload(_)
            | Command::FindBatches(_)
            | Command::Create(..)
            | Command::CancelOrphan(_)
            | Command::GiveBack(..)
            | Command::HandOver => {}
        }
    }

    /// Asks for a cancellation, and looks at what the upstream says to it.
    fn cancel(
        &self,
        id: BatchId,
        then: impl FnOnce(Result<UpstreamBatch, Fault>) + Send + 'static,
        me: &Mail<Self>,
    ) {
        let (links, me) = (self.links.clone(), me.clone());
        tokio::spawn(async move {
            let outcome = submission::cancel(links, id).await;
            if let Ok(seen) = &outcome {
                me.tell(Seen(seen.clone()));
            }
            then(outcome);
        });
    }
}

impl Behaviour for Poller {
    const KIND: &'static str = "Poller";

    fn snapshot(&self) -> Value {
        json!({
            "key": self.job.batch.key,
            "batch": self.job.batch.upstream_id(),
            "phase": self.job.batch.phase.name(),
            "lane": &*self.job.batch.lane,
            "requests": self.job.batch.requests.len(),
            "wakes_at": self.job.batch.wakes_at().seconds(),
        })
    }
}

impl Receive<Watch> for Poller {
    fn receive(&mut self, watch: Watch, me: &Mail<Self>) {
        self.perform(watch.commands, me);
    }
}

impl Receive<Reported> for Poller {
    fn receive(&mut self, reported: Reported, me: &Mail<Self>) {
        if let Report::Failed(fault) = &reported.report {
            log::warn!("{}: {fault}", self.job.batch.key);
        }
        self.step(Event::Reported(reported.ticket, reported.report), me);
    }
}

impl Receive<PollDue> for Poller {
    fn receive(&mut self, _: PollDue, me: &Mail<Self>) {
        self.step(Event::Due, me);
    }
}

impl Receive<Cancel> for Poller {
    fn receive(&mut self, cancel: Cancel, me: &Mail<Self>) {
        self.job.batch.cancel();
        let (key, lane) = (self.job.batch.key, self.job.batch.lane.clone());
        let record = Record::Cancelled { key, at: self.links.clock.now() };
        let me = me.clone();
        let recorded = move || me.tell(CancelRecorded { reply: cancel.reply });
        self.links.loggers.by(&lane).tell(Write::must(record, recorded));
    }
}

impl Receive<CancelRecorded> for Poller {
    fn receive(&mut self, recorded: CancelRecorded, me: &Mail<Self>) {
        let Some(id) = self.job.batch.upstream_id().cloned() else {
            return;
        };
        // Whoever asked and left needs no word.
        self.cancel(id, |outcome| drop(recorded.reply.send(outcome)), me);
    }
}

impl Receive<Seen> for Poller {
    fn receive(&mut self, seen: Seen, me: &Mail<Self>) {
        self.step(Event::Seen(seen.0), me);
    }
}
