//! The Poller: one batch that exists upstream, until every request of it has its outcome.

use std::{collections::HashSet, sync::Arc};

use serde_json::{Value, json};
use tokio::sync::{Mutex, oneshot};

use crate::{
    alarm::Alarm,
    cell::{Behaviour, Letter, Mail, Receive},
    collector::Collector,
    links::{Addressee, Links, run},
    pollers::Pollers,
    reading::Reading,
    rules::{
        batch::{Batch, Command, Event, Report, Ticket},
        fault::Fault,
        ids::RequestId,
        upstream_batch::UpstreamBatch,
    },
    status_logger::Write,
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

/// The batch was seen by somebody else.
struct Seen(UpstreamBatch);

impl Letter for Seen {
    const NAME: &'static str = "Seen";
    type Reply = ();
}

/// See the module.
pub struct Poller {
    batch: Batch,
    reading: Arc<Mutex<Reading>>,
    collector: Mail<Collector>,
    alarm: Alarm,
    links: Arc<Links>,
    pollers: Arc<Pollers>,
}

impl Poller {
    /// A Poller for a batch of which some requests may have their outcome already.
    pub(crate) fn new(
        batch: Batch,
        answered: HashSet<RequestId>,
        collector: Mail<Collector>,
        links: Arc<Links>,
        pollers: Arc<Pollers>,
    ) -> Self {
        let reading = Arc::new(Mutex::new(Reading::new(&batch.requests, &answered)));
        Self { batch, reading, collector, alarm: Alarm::default(), links, pollers }
    }

    fn step(&mut self, event: Event, me: &Mail<Self>) {
        let (batch, commands) = self.batch.clone().step(event, self.links.clock.now());
        self.batch = batch;
        self.perform(commands, me);
    }

    fn perform(&mut self, commands: Vec<Command>, me: &Mail<Self>) {
        for command in commands {
            self.start(command, me);
        }
    }

    fn addressee(&self) -> Addressee {
        Addressee {
            key: self.batch.key,
            batch: self.batch.upstream_id().cloned(),
            lane: self.batch.lane.clone(),
            collector: self.collector.clone(),
        }
    }

    /// Starts one call or record; its end comes back as [`Reported`].
    fn start(&mut self, command: Command, me: &Mail<Self>) {
        let links = self.links.clone();
        let logger = links.loggers.by(&self.batch.lane).clone();
        let mail = me.clone();
        let reported = move |ticket| move |report| mail.tell(Reported { ticket, report });
        match command {
            Command::Record(ticket, record) => {
                let reported = reported(ticket);
                logger.tell(Write::must(record, move || reported(Report::Recorded)));
            }
            Command::Note(record) => logger.tell(Write::note(record)),
            Command::Poll(ticket) => {
                let Some(id) = self.batch.upstream_id().cloned() else {
                    return;
                };
                run(
                    async move {
                        let _turn = links.call().await;
                        links.upstream.retrieve(&id).await.map(Report::Polled)
                    },
                    reported(ticket),
                );
            }
            Command::Read(ticket, batch) => {
                let (reading, to) = (self.reading.clone(), self.addressee());
                log::info!("{}: {} is {}; reading its files", to.key, batch.id, batch.status.as_str());
                run(
                    async move { reading.lock().await.read(&links, &to, &batch).await.map(|()| Report::Answered) },
                    reported(ticket),
                );
            }
            Command::Refuse(ticket, outcome) => {
                let (reading, to) = (self.reading.clone(), self.addressee());
                log::error!("{}: its open requests are refused with {}", to.key, outcome.status);
                run(
                    async move {
                        reading.lock().await.refuse(&links, &to, &outcome).await;
                        Ok(Report::Answered)
                    },
                    reported(ticket),
                );
            }
            Command::WakeAt(at) => self.alarm.set(at, &links.clock, me, PollDue),
            Command::Finish => {
                log::info!("{}: settled", self.batch.key);
                self.alarm.clear();
                self.pollers.retire(self.batch.key);
            }
            // These belong to the BatchSubmitter's half of the machine.
            Command::FindFile(_)
            | Command::Upload(_)
            | Command::FindBatches(_)
            | Command::Create(..)
            | Command::CancelOrphan(_)
            | Command::HandOver => {}
        }
    }
}

impl Behaviour for Poller {
    const KIND: &'static str = "Poller";

    fn snapshot(&self) -> Value {
        json!({
            "key": self.batch.key,
            "batch": self.batch.upstream_id(),
            "phase": self.batch.phase.name(),
            "lane": &*self.batch.lane,
            "requests": self.batch.requests.len(),
            "wakes_at": self.batch.wakes_at().seconds(),
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
            log::warn!("{}: {fault}", self.batch.key);
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
        let Some(id) = self.batch.upstream_id().cloned() else {
            return;
        };
        let (links, me) = (self.links.clone(), me.clone());
        tokio::spawn(async move {
            let _turn = links.call().await;
            let outcome = links.upstream.cancel(&id).await;
            if let Ok(seen) = &outcome {
                me.tell(Seen(seen.clone()));
            }
            // Whoever asked and left needs no word.
            let _ = cancel.reply.send(outcome);
        });
    }
}

impl Receive<Seen> for Poller {
    fn receive(&mut self, seen: Seen, me: &Mail<Self>) {
        self.step(Event::Seen(seen.0), me);
    }
}
