//! The Collector: the open lanes, their windows, and the clients that wait.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{
    alarm::Alarm,
    batch_submitter::{BatchSubmitter, Line, Submit},
    cell::{Behaviour, Letter, Mail, Receive},
    clock::Clock,
    drain::Drain,
    fail_point::{self, Point},
    pool::Pool,
    ports::{Ids, StoreFault, StoredOutcome},
    rules::{
        collate::{Collation, Limits, Reason, Sealed, TooLarge, Weight},
        fingerprint::Fingerprint,
        ids::{BatchId, BatchKey, RequestId},
        lane::Lane,
        lines,
        outcome::Outcome,
        record::{Accepted, Record},
    },
    status_logger::{Recall, StatusLogger, Write},
    waiting_room::{Client, Delivery, WaitingRoom},
};

/// A checked request asks to be taken.
pub struct Enqueue {
    /// Where it belongs.
    pub lane: Arc<Lane>,
    /// What makes a re-send equal to it.
    pub fingerprint: Fingerprint,
    /// Its body, one line.
    pub body: Bytes,
    /// Whether its client says that it has sent it before.
    pub resent: bool,
    /// Its client.
    pub client: Client,
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
}

/// Requests of an earlier life of the gateway.
pub struct Restore {
    /// To be collated again, with their bodies.
    pub open: Vec<(Accepted, Bytes)>,
    /// In a batch already; their clients may come again.
    pub awaited: Vec<Accepted>,
}

impl Letter for Restore {
    const NAME: &'static str = "Restore";
    type Reply = ();
}

/// The store was asked whether a request that was sent again has its outcome already.
struct Recalled {
    enqueue: Enqueue,
    stored: Result<Option<StoredOutcome>, StoreFault>,
}

impl Letter for Recalled {
    const NAME: &'static str = "Recalled";
    type Reply = ();
}

/// The request's record is durable, or could not be made so.
struct Recorded {
    id: RequestId,
    lane: Arc<Lane>,
    body: Bytes,
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

struct Item {
    id: RequestId,
    body: Bytes,
    bytes: u64,
}

impl Weight for Item {
    fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// See the module.
pub struct Collector {
    limits: Limits,
    collation: Collation<Item>,
    room: WaitingRoom,
    recording: usize,
    drains: Vec<oneshot::Sender<()>>,
    draining: bool,
    released: bool,
    window: Alarm,
    sealed: u64,
    pruned: u64,
    clock: Clock,
    ids: Arc<dyn Ids>,
    submitters: Pool<BatchSubmitter>,
    loggers: Pool<StatusLogger>,
}

impl Collector {
    /// A collector with no open lane.
    pub fn new(
        limits: Limits,
        clock: Clock,
        ids: Arc<dyn Ids>,
        submitters: Pool<BatchSubmitter>,
        loggers: Pool<StatusLogger>,
    ) -> Self {
        Self {
            limits,
            collation: Collation::new(limits),
            room: WaitingRoom::default(),
            recording: 0,
            drains: Vec::new(),
            draining: false,
            released: false,
            window: Alarm::default(),
            sealed: 0,
            pruned: 0,
            clock,
            ids,
            submitters,
            loggers,
        }
    }

    /// Seats the client beside an earlier sending of its request; gives the request back if there is none.
    fn attach(&mut self, enqueue: Enqueue) -> Option<Enqueue> {
        let Enqueue { fingerprint, resent, .. } = enqueue;
        match self.room.attach(&fingerprint, resent, enqueue.client) {
            Ok(()) => None,
            Err(client) => Some(Enqueue { client, ..enqueue }),
        }
    }

    /// Asks the store for the end of a request that its client has sent before.
    fn recall(&mut self, enqueue: Enqueue, me: &Mail<Self>) {
        self.recording += 1;
        let (logger, me) = (self.loggers.by(&enqueue.lane).clone(), me.clone());
        tokio::spawn(async move {
            let fingerprint = enqueue.fingerprint;
            let stored = logger.inquire(|reply| Recall { fingerprint, reply }).await;
            let stored = stored.unwrap_or_else(|gone| Err(StoreFault::Unavailable(gone.to_string())));
            me.tell(Recalled { enqueue, stored });
        });
    }

    /// Takes a new request: it is recorded first, and collated when that is durable.
    fn accept(&mut self, enqueue: Enqueue, me: &Mail<Self>) {
        let Enqueue { lane, fingerprint, body, client, .. } = enqueue;
        let id = RequestId(self.ids.mint());
        self.room.seat(id, fingerprint, client);
        self.recording += 1;
        let request = Accepted { id, lane: lane.clone(), fingerprint, at: self.clock.now() };
        let record = Record::Accepted { request, body: body.clone() };
        let (logger, mail) = (self.loggers.by(&lane), me.clone());
        let done = move |result| mail.tell(Recorded { id, lane, body, result });
        logger.tell(Write { record, done: Some(Box::new(done)), refusable: true });
        self.tend(me);
    }

    /// Puts a recorded request into its lane.
    fn collate(&mut self, id: RequestId, lane: &Arc<Lane>, body: Bytes, me: &Mail<Self>) {
        let bytes = lines::overhead(lane.endpoint) + body.len() as u64;
        match self.collation.offer(self.clock.now(), lane, Item { id, body, bytes }) {
            Ok(sealed) => sealed.into_iter().for_each(|sealed| self.submit(sealed, me)),
            // Its size was checked before it was recorded; only smaller limits after a restart lead here. It was
            // promised an outcome, so it goes alone, and the upstream may judge it.
            Err(TooLarge(item)) => {
                let alone = Sealed { lane: lane.clone(), items: vec![item], reason: Reason::Bytes };
                self.submit(alone, me);
            }
        }
    }

    /// Sends a sealed lane on its way, without the requests that nobody waits for.
    fn submit(&mut self, mut sealed: Sealed<Item>, me: &Mail<Self>) {
        for item in sealed.prune(|item| self.room.is_gone(&item.id)) {
            self.pruned += 1;
            self.room.forget(item.id);
            let withdrawn = Record::Withdrawn { id: item.id, at: self.clock.now() };
            self.loggers.by(&sealed.lane).tell(Write::note(withdrawn));
        }
        if sealed.items.is_empty() {
            return;
        }
        self.sealed += 1;
        let key = BatchKey(self.ids.mint());
        log::info!("{key}: sealed {} requests of {} ({:?})", sealed.items.len(), sealed.lane, sealed.reason);
        let lines = sealed.items.into_iter().map(|item| Line { id: item.id, body: item.body }).collect();
        self.submitters.least_loaded().tell(Submit { key, lane: sealed.lane, lines, collector: me.clone() });
    }

    /// Seals what is due, and sees to the next window. Called after every message that may matter, because under
    /// load actix lets timers starve behind the mailbox.
    fn tend(&mut self, me: &Mail<Self>) {
        let due = self.collation.due(self.clock.now());
        due.into_iter().for_each(|sealed| self.submit(sealed, me));
        if self.draining && self.recording == 0 {
            let open = self.collation.seal_all();
            open.into_iter().for_each(|sealed| self.submit(sealed, me));
            // Whoever asked and left needs no word.
            for drain in self.drains.drain(..) {
                let _ = drain.send(());
            }
        }
        match self.collation.next_due() {
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
            "pruned_requests": self.pruned,
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
        let Some(enqueue) = self.attach(enqueue) else {
            return Ok(());
        };
        if enqueue.resent {
            self.recall(enqueue, me);
        } else {
            self.accept(enqueue, me);
        }
        Ok(())
    }
}

impl Receive<Recalled> for Collector {
    fn receive(&mut self, recalled: Recalled, me: &Mail<Self>) {
        self.recording = self.recording.saturating_sub(1);
        let Recalled { enqueue, stored } = recalled;
        let now = self.clock.now();
        let stored = stored.map(|stored| stored.filter(|it| it.outcome.answers_resend(now.since(it.at))));
        match (stored, enqueue.client) {
            (_, client) if self.released => {
                // A client that has left again will come again.
                let _ = client.into_reply().send(Delivery::Released);
            }
            (Ok(Some(StoredOutcome { id, .. })), Client::Detached(reply)) => {
                // See above.
                let _ = reply.send(Delivery::Accepted(id));
            }
            (Ok(Some(StoredOutcome { id, outcome, .. })), client) => {
                // See above.
                let _ = client.into_reply().send(Delivery::Answered { id, outcome, batch: None });
            }
            // Its first sending may have been taken up while the store was asked.
            (Ok(None), client) => {
                if let Some(enqueue) = self.attach(Enqueue { client, ..enqueue }) {
                    self.accept(enqueue, me);
                }
            }
            (Err(_), client) => {
                // See above.
                let _ = client.into_reply().send(Delivery::NotRecorded);
            }
        }
        self.tend(me);
    }
}

impl Receive<Recorded> for Collector {
    fn receive(&mut self, recorded: Recorded, me: &Mail<Self>) {
        self.recording = self.recording.saturating_sub(1);
        match recorded.result {
            Ok(()) => {
                self.room.recorded(recorded.id);
                self.collate(recorded.id, &recorded.lane, recorded.body, me);
            }
            Err(_) => self.room.deliver(recorded.id, &Delivery::NotRecorded),
        }
        self.tend(me);
    }
}

impl Receive<Restore> for Collector {
    fn receive(&mut self, restore: Restore, me: &Mail<Self>) {
        for request in &restore.awaited {
            self.room.keep(request);
        }
        for (request, body) in restore.open {
            self.room.keep(&request);
            self.collate(request.id, &request.lane, body, me);
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
