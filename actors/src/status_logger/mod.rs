//! The StatusLogger: the door to the store for everything that happens while requests are served.
//!
//! Records that arrive while a group is being written form the next group, so the groups grow with the load and a
//! quiet gateway waits for nobody. A store that fails is tried again until it works: what was recorded by then stays
//! parked, and only what could still be refused is refused.

mod own_files;
mod questions;
mod summaries;

use std::{
    collections::VecDeque,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{
    alarm::Alarm,
    cell::{Behaviour, Letter, Mail, Receive},
    clock::Clock,
    fail_point,
    ledger::Ledger,
    ports::{Store, StoreFault},
    rules::{record::Record, time::Millis},
};

pub use own_files::OwnFiles;
pub use questions::{Answer, Bodies, Compose, Find, Keyed, List, Look, Recall, Reuse};
pub use summaries::{ListLines, ListRequests, Summarise};

/// Called when a record is durable, or will not be.
pub type Done = Box<dyn FnOnce(Result<(), StoreFault>) + Send>;

/// Write this down.
pub struct Write {
    /// What.
    pub record: Record,
    /// Whom to tell. A record somebody could still take back (`refusable`) is told of a failure at once.
    pub done: Option<Done>,
    /// Whether the sender would rather hear of a failure than wait for the store.
    pub refusable: bool,
}

impl Letter for Write {
    const NAME: &'static str = "Write";
    type Reply = ();
}

impl Write {
    /// A record that must be written, however long it takes.
    pub fn must(record: Record, done: impl FnOnce() + Send + 'static) -> Self {
        Self { record, done: Some(Box::new(|_| done())), refusable: false }
    }

    /// A record that must be written, and nobody waits for it.
    pub fn note(record: Record) -> Self {
        Self { record, done: None, refusable: false }
    }
}

/// The group that was under way has ended.
struct Written {
    group: Vec<Write>,
    result: Result<(), StoreFault>,
}

impl Letter for Written {
    const NAME: &'static str = "Written";
    type Reply = ();
}

/// The store failed a while ago: try it.
#[derive(Clone)]
struct RetryDue;

impl Letter for RetryDue {
    const NAME: &'static str = "RetryDue";
    type Reply = ();
}

/// The trial has ended.
struct Pinged(Result<(), StoreFault>);

impl Letter for Pinged {
    const NAME: &'static str = "Pinged";
    type Reply = ();
}

/// Tell me when everything that was handed in before is written.
pub struct Flush {
    /// For the word.
    pub reply: oneshot::Sender<()>,
}

impl Letter for Flush {
    const NAME: &'static str = "Flush";
    type Reply = ();
}

/// Most records of one group.
const GROUP_RECORDS: usize = 1024;
/// Most outcomes of one group: more of them delay the requests that are recorded beside them.
const GROUP_OUTCOMES: usize = 500;
/// Most bytes of bodies of one group.
const GROUP_BYTES: usize = 8 << 20;
/// Pause before a store that failed is tried again.
const RETRY: Millis = Millis(500);

/// See the module.
pub struct StatusLogger {
    store: Arc<dyn Store>,
    clock: Clock,
    /// Shared with the other loggers and with whoever reports readiness.
    down: Arc<AtomicBool>,
    /// The last try of this very logger failed: the next one is its alarm's to make.
    failing: bool,
    pending: VecDeque<Write>,
    writing: bool,
    flushes: Vec<oneshot::Sender<()>>,
    retry: Alarm,
    groups: u64,
    ledger: Arc<Ledger>,
}

impl StatusLogger {
    /// A logger in front of `store`; `down` is set while the store does not work, and `ledger` told what is durable.
    pub fn new(store: Arc<dyn Store>, clock: Clock, down: Arc<AtomicBool>, ledger: Arc<Ledger>) -> Self {
        Self {
            store,
            clock,
            down,
            failing: false,
            pending: VecDeque::new(),
            writing: false,
            flushes: Vec::new(),
            retry: Alarm::default(),
            groups: 0,
            ledger,
        }
    }

    fn write_next(&mut self, me: &Mail<Self>) {
        me.meter().set_load(self.pending.len());
        if self.writing {
            return;
        }
        if self.pending.is_empty() {
            for flush in self.flushes.drain(..) {
                let _ = flush.send(());
            }
            return;
        }
        self.writing = true;
        self.groups += 1;
        let group = self.next_group();
        let records: Vec<Record> = group.iter().map(|write| write.record.clone()).collect();
        let (store, me) = (self.store.clone(), me.clone());
        // On the actor's own thread: a thread in between would have to be woken twice for each group.
        actix_rt::spawn(async move {
            records.iter().for_each(fail_point::before);
            let result = caught(store.append(&records)).await;
            records.iter().filter(|_| result.is_ok()).for_each(fail_point::after);
            me.tell(Written { group, result });
        });
    }

    fn next_group(&mut self) -> Vec<Write> {
        let mut group = Vec::new();
        let (mut outcomes, mut bytes) = (0, 0);
        while let Some(next) = self.pending.front() {
            let (more_outcomes, more_bytes) = size(&next.record);
            let fits = group.len() < GROUP_RECORDS
                && outcomes + more_outcomes <= GROUP_OUTCOMES
                && bytes + more_bytes <= GROUP_BYTES;
            if !fits && !group.is_empty() {
                break;
            }
            outcomes += more_outcomes;
            bytes += more_bytes;
            group.extend(self.pending.pop_front());
        }
        group
    }

    fn set_down(&mut self, fault: Option<&StoreFault>) {
        self.failing = fault.is_some();
        let was_down = self.down.swap(fault.is_some(), Relaxed);
        match fault {
            Some(fault) if !was_down => log::error!("the store failed; new requests are refused: {fault}"),
            None if was_down => log::info!("the store works again"),
            _ => {}
        }
    }

    /// A group failed. What can be refused is refused, and withdrawn in case it was written after all; the rest
    /// keeps its place.
    fn failed(&mut self, group: Vec<Write>, fault: &StoreFault) {
        let mut kept = Vec::new();
        for write in group.into_iter().chain(self.pending.drain(..)) {
            if !write.refusable {
                kept.push(write);
                continue;
            }
            if let Record::Accepted { request, .. } = &write.record {
                let withdrawn = Record::Withdrawn { id: request.id, at: self.clock.now() };
                kept.push(Write::note(withdrawn));
            }
            if let Some(done) = write.done {
                done(Err(fault.clone()));
            }
        }
        self.pending = kept.into();
    }
}

/// A call to the store; a panic in it is a fault like any other, after which nobody knows what was written.
async fn caught(call: impl Future<Output = Result<(), StoreFault>>) -> Result<(), StoreFault> {
    let outcome = AssertUnwindSafe(call).catch_unwind().await;
    outcome.unwrap_or_else(|_| Err(StoreFault::Unavailable("its code panicked".into())))
}

fn size(record: &Record) -> (usize, usize) {
    match record {
        Record::Accepted { body, .. } => (0, body.len()),
        Record::Answered { outcomes, .. } => {
            (outcomes.len(), outcomes.iter().map(|(_, outcome)| outcome.body.len()).sum())
        }
        _ => (0, 0),
    }
}

impl Behaviour for StatusLogger {
    const KIND: &'static str = "StatusLogger";

    fn snapshot(&self) -> Value {
        json!({
            "pending": self.pending.len(),
            "writing": self.writing,
            "groups": self.groups,
            "store_down": self.down.load(Relaxed),
        })
    }
}

impl Receive<Write> for StatusLogger {
    fn receive(&mut self, write: Write, me: &Mail<Self>) {
        if write.refusable && self.down.load(Relaxed) {
            if let Some(done) = write.done {
                done(Err(StoreFault::Unavailable("it failed a moment ago".into())));
            }
            return;
        }
        self.pending.push_back(write);
        if !self.failing {
            self.write_next(me);
        }
    }
}

impl Receive<Written> for StatusLogger {
    fn receive(&mut self, written: Written, me: &Mail<Self>) {
        self.writing = false;
        match written.result {
            Ok(()) => {
                self.set_down(None);
                self.ledger.written(written.group.iter().map(|write| &write.record));
                for done in written.group.into_iter().filter_map(|write| write.done) {
                    done(Ok(()));
                }
                self.write_next(me);
            }
            Err(fault) => {
                self.set_down(Some(&fault));
                self.ledger.counters.groups_failed.add(1);
                self.failed(written.group, &fault);
                self.retry.set(self.clock.now() + RETRY, &self.clock, me, RetryDue);
            }
        }
    }
}

impl Receive<RetryDue> for StatusLogger {
    fn receive(&mut self, _: RetryDue, me: &Mail<Self>) {
        if !self.pending.is_empty() {
            return self.write_next(me);
        }
        let (store, me) = (self.store.clone(), me.clone());
        tokio::spawn(async move {
            let result = caught(store.ping()).await;
            me.tell(Pinged(result));
        });
    }
}

impl Receive<Pinged> for StatusLogger {
    fn receive(&mut self, pinged: Pinged, me: &Mail<Self>) {
        match pinged.0 {
            Ok(()) => {
                self.set_down(None);
                self.write_next(me);
            }
            Err(_) => self.retry.set(self.clock.now() + RETRY, &self.clock, me, RetryDue),
        }
    }
}

impl Receive<Flush> for StatusLogger {
    fn receive(&mut self, flush: Flush, me: &Mail<Self>) {
        self.flushes.push(flush.reply);
        if !self.failing {
            self.write_next(me);
        }
    }
}
