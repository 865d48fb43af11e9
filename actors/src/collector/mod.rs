//! The Collector: the open lanes, their windows, and the clients that wait.

mod cancelling;
mod holding;
mod load;
mod recalling;
mod resending;
mod restoring;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{
    acquaintance::Acquaintance,
    alarm::Alarm,
    batch_submitter::{BatchSubmitter, Line, Submit},
    cell::{Behaviour, Letter, Mail, Receive},
    clock::Clock,
    drain::Drain,
    fail_point::{self, Point},
    ledger::Ledger,
    links::Links,
    memory::Memory,
    permits::{Permit, Permits},
    pool::Pool,
    ports::{Ids, StoreFault},
    rules::{
        collate::{Collation, Limits, Reason, Sealed, TooLarge},
        fingerprint::Fingerprint,
        hold::{Hold, Turn},
        ids::{BatchId, BatchKey, RequestId},
        lane::Lane,
        lines,
        outcome::Outcome,
        record::{Accepted, Record},
        resend::{Families, Lineage},
        terms::Terms,
        time::Millis,
    },
    status_logger::{StatusLogger, Write},
    waiting_room::{Client, Delivery, WaitingRoom, Word},
};

pub use cancelling::CancelRequest;
pub use load::Stored;
use load::{Item, Load};
pub use resending::Ended;
pub use restoring::Restore;

/// A checked request asks to be taken.
pub struct Enqueue {
    /// Where it belongs.
    pub lane: Arc<Lane>,
    /// What makes a re-send equal to it.
    pub fingerprint: Fingerprint,
    /// Its body, one line.
    pub body: Bytes,
    /// Texts that it has embedded.
    pub inputs: usize,
    /// Whether its client says that it has sent it before.
    pub resent: bool,
    /// What it may share.
    pub terms: Terms,
    /// Its client.
    pub client: Client,
    /// Where that client hears how the request was taken, if it wants to.
    pub word: Option<Word>,
}

impl Letter for Enqueue {
    const NAME: &'static str = "Enqueue";
    type Reply = Result<(), Refused>;
}

/// Why a request was not taken. Nothing of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The gateway stops.
    #[error("the gateway is stopping")]
    Draining,
    /// No batch file could hold it.
    #[error("the request is larger than a batch file may be")]
    TooLarge,
    /// No batch could have so many texts embedded.
    #[error("the request has more inputs than a batch may have")]
    TooManyInputs,
    /// There is no place for one more request of its tenant.
    #[error("too many requests wait for an answer already")]
    Full,
}

/// The request's record is durable, or could not be made so.
struct Recorded {
    id: RequestId,
    lane: Arc<Lane>,
    body: Bytes,
    inputs: usize,
    result: Result<(), StoreFault>,
}

impl Letter for Recorded {
    const NAME: &'static str = "Recorded";
    type Reply = ();
}

/// A window has ended.
#[derive(Clone)]
struct WindowDue;

impl Letter for WindowDue {
    const NAME: &'static str = "WindowDue";
    type Reply = ();
}

/// Outcomes that are durable, for their clients.
#[derive(Clone)]
pub struct Deliver {
    /// The outcomes.
    pub outcomes: Arc<[(RequestId, Outcome)]>,
    /// The batch upstream whose they are, if there was one.
    pub batch: Option<BatchId>,
}

impl Letter for Deliver {
    const NAME: &'static str = "Deliver";
    type Reply = ();
}

/// Tell every waiting client that the gateway stops.
#[derive(Clone)]
pub struct Release;

impl Letter for Release {
    const NAME: &'static str = "Release";
    type Reply = ();
}

/// See the module.
pub struct Collector {
    limits: Limits,
    collation: Collation<Item>,
    /// Sealed lanes, as far as there is no room for them upstream.
    hold: Hold<Load>,
    families: Families,
    room: WaitingRoom,
    /// The places of all requests that are accepted and not answered, shared by all Collectors.
    permits: Permits,
    recording: usize,
    drains: Vec<oneshot::Sender<()>>,
    draining: bool,
    released: bool,
    window: Alarm,
    lots: u64,
    sealed: u64,
    pruned: u64,
    sent_again: u64,
    clock: Clock,
    ids: Arc<dyn Ids>,
    memory: Memory,
    submitters: Pool<BatchSubmitter>,
    loggers: Pool<StatusLogger>,
    ledger: Arc<Ledger>,
    acquaintance: Acquaintance,
}

impl Collector {
    /// A collector with no open lane.
    pub fn new(
        limits: Limits,
        links: &Links,
        ids: Arc<dyn Ids>,
        memory: Memory,
        permits: Permits,
        submitters: Pool<BatchSubmitter>,
    ) -> Self {
        Self {
            limits,
            collation: Collation::new(limits),
            hold: Hold::new(links.calling.polling),
            families: Families::default(),
            room: WaitingRoom::default(),
            permits,
            recording: 0,
            drains: Vec::new(),
            draining: false,
            released: false,
            window: Alarm::default(),
            lots: 0,
            sealed: 0,
            pruned: 0,
            sent_again: 0,
            clock: links.clock.clone(),
            ids,
            memory,
            submitters,
            loggers: links.loggers.clone(),
            ledger: links.ledger.clone(),
            acquaintance: links.acquaintance.clone(),
        }
    }

    /// Takes a new request: it is recorded first, and collated when that is durable.
    fn accept(&mut self, enqueue: Enqueue, permit: Permit, me: &Mail<Self>) {
        let Enqueue { lane, fingerprint, body, inputs, terms, client, word, .. } = enqueue;
        let id = RequestId(self.ids.mint());
        let (at, keeping) = (self.clock.now(), terms.keeping);
        self.acquaintance.note(&fingerprint);
        if terms.shares {
            self.ledger.cache_miss();
        }
        let request = Accepted { id, lane: lane.clone(), fingerprint, at, attempts: 0, keeping };
        self.room.seat(&request, client, word, permit);
        self.recording += 1;
        let record = Record::Accepted { request, body: body.clone() };
        let (logger, mail) = (self.loggers.by(&lane), me.clone());
        let done = move |result| mail.tell(Recorded { id, lane, body, inputs, result });
        logger.tell(Write { record, done: Some(Box::new(done)), refusable: true });
        self.tend(me);
    }

    /// Puts a recorded request into its lane.
    fn collate(&mut self, item: Item, lane: &Arc<Lane>, me: &Mail<Self>) {
        let before = self.collation.window(lane);
        match self.collation.offer(self.clock.now(), lane, item) {
            Ok(sealed) => sealed.into_iter().for_each(|sealed| self.seal(sealed, me)),
            // Its size was checked before it was recorded; only smaller limits after a restart lead here. It was
            // promised an outcome, so it goes alone, and the upstream may judge it.
            Err(TooLarge(item)) => {
                let alone = Sealed { lane: lane.clone(), items: vec![item], reason: Reason::Bytes };
                self.seal(alone, me);
            }
        }
        let window = self.collation.window(lane);
        if window != before {
            self.ledger.window(lane, window);
        }
    }

    /// A lane is sealed: it goes on its way, or waits for its turn.
    fn seal(&mut self, sealed: Sealed<Item>, me: &Mail<Self>) {
        log::info!("sealed {} requests of {} ({:?})", sealed.items.len(), sealed.lane, sealed.reason);
        self.ledger.window(&sealed.lane, None);
        self.lots += 1;
        let lineage = Lineage::new(Turn::at(self.lots));
        self.offer(Load { lane: sealed.lane, items: sealed.items, lineage }, me);
    }

    /// Sends a batch on its way, without the requests that nobody waits for. Clients that were released for a stop will
    /// come again.
    fn submit(&mut self, load: Load, me: &Mail<Self>) {
        let Load { lane, items, lineage } = load;
        let is_gone = |item: &Item| !self.released && self.room.is_gone(&item.id);
        let (gone, items): (Vec<_>, Vec<_>) = items.into_iter().partition(is_gone);
        for item in gone {
            self.pruned += 1;
            self.room.forget(item.id);
            let withdrawn = Record::Withdrawn { id: item.id, at: self.clock.now() };
            self.loggers.by(&lane).tell(Write::note(withdrawn));
        }
        if items.is_empty() {
            return self.families.leaves(lineage);
        }
        self.sealed += 1;
        let key = BatchKey(self.ids.mint());
        self.hold.started(&lane.model, key, items.iter().map(|item| item.bytes).sum());
        log::info!("{key}: {} requests of {lane}", items.len());
        let attempts = items.iter().map(|item| (item.id, item.attempts)).collect();
        let lines = items.into_iter().map(|item| Line { id: item.id, body: item.body }).collect();
        let collector = me.clone();
        self.submitters.least_loaded().tell(Submit { key, lane, lines, attempts, lineage, collector });
    }

    /// Seals what is due, and sees to the next window. Called after every message that may matter, because under
    /// load actix lets timers starve behind the mailbox.
    fn tend(&mut self, me: &Mail<Self>) {
        let now = self.clock.now();
        let due = self.collation.due(now);
        due.into_iter().for_each(|sealed| self.seal(sealed, me));
        if self.draining && self.recording == 0 {
            let open = self.collation.seal_all();
            open.into_iter().for_each(|sealed| self.seal(sealed, me));
            // Whoever asked and left needs no word.
            for drain in self.drains.drain(..) {
                let _ = drain.send(());
            }
        }
        self.release(now, me);
        match self.collation.next_due().into_iter().chain(self.hold.next_due()).min() {
            Some(due) => self.window.set(due, &self.clock, me, WindowDue),
            None => self.window.clear(),
        }
        me.meter().set_load(self.collation.open_items() + self.recording);
    }
}

impl Behaviour for Collector {
    const KIND: &'static str = "Collector";

    fn snapshot(&self) -> Value {
        json!({
            "waiting_requests": self.room.len(),
            "being_recorded": self.recording,
            "open_lanes": self.collation.open_lanes(),
            "open_requests": self.collation.open_items(),
            "sealed_batches": self.sealed,
            "held_batches": self.hold.waiting(),
            "pruned_requests": self.pruned,
            "requests_sent_again": self.sent_again,
            "draining": self.draining,
        })
    }
}

impl Receive<Enqueue> for Collector {
    fn receive(&mut self, enqueue: Enqueue, me: &Mail<Self>) -> Result<(), Refused> {
        if self.draining {
            return Err(Refused::Draining);
        }
        if lines::overhead(enqueue.lane.endpoint) + enqueue.body.len() as u64 > self.limits.max_bytes {
            return Err(Refused::TooLarge);
        }
        if enqueue.inputs > self.limits.max_inputs {
            return Err(Refused::TooManyInputs);
        }
        let Some(enqueue) = self.attach(enqueue) else {
            return Ok(());
        };
        if enqueue.may_be_stored(&self.acquaintance) {
            self.recall(enqueue, Millis(0), me);
        } else {
            let permit = self.permits.take(&enqueue.lane.tenant).ok_or(Refused::Full)?;
            self.accept(enqueue, permit, me);
        }
        Ok(())
    }
}

impl Receive<Recorded> for Collector {
    fn receive(&mut self, recorded: Recorded, me: &Mail<Self>) {
        self.recording = self.recording.saturating_sub(1);
        match recorded.result {
            Ok(()) => {
                log::debug!("{}: accepted into {}", recorded.id, recorded.lane);
                self.room.recorded(recorded.id);
                let body = self.memory.body(recorded.body);
                let item = Item::new(recorded.id, &recorded.lane, body, recorded.inputs);
                self.collate(item, &recorded.lane, me);
            }
            Err(_) => self.room.deliver(recorded.id, &Delivery::NotRecorded),
        }
        self.tend(me);
    }
}

impl Receive<WindowDue> for Collector {
    fn receive(&mut self, _: WindowDue, me: &Mail<Self>) {
        self.tend(me);
    }
}

impl Receive<Deliver> for Collector {
    fn receive(&mut self, deliver: Deliver, _: &Mail<Self>) {
        for (id, outcome) in deliver.outcomes.iter() {
            let (id, outcome, batch) = (*id, outcome.clone(), deliver.batch.clone());
            let whence = batch.as_ref().map_or("no batch", BatchId::as_str);
            log::debug!("{id}: ended with {} out of {whence}", outcome.status);
            self.room.deliver(id, &Delivery::Answered { id, outcome, batch });
            fail_point::pass(Point::DeliverBetween);
        }
    }
}

impl Receive<Drain> for Collector {
    fn receive(&mut self, drain: Drain, me: &Mail<Self>) {
        self.draining = true;
        self.drains.push(drain.reply);
        self.tend(me);
    }
}

impl Receive<Release> for Collector {
    fn receive(&mut self, _: Release, _: &Mail<Self>) {
        self.released = true;
        self.room.release();
    }
}
