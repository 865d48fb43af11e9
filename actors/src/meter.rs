//! Counts of one mailbox, readable at any time without asking its actor.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use serde::Serialize;

/// The counts of one actor's mailbox.
#[derive(Debug)]
pub struct Meter {
    kind: &'static str,
    label: String,
    depth: AtomicU64,
    peak: AtomicU64,
    handled: AtomicU64,
    cancelled: AtomicU64,
    panics: AtomicU64,
    waited_us: AtomicU64,
    waited_longest_us: AtomicU64,
    handling_us: AtomicU64,
    load: AtomicU64,
    stopped: AtomicBool,
    activity: Mutex<Activity>,
}

#[derive(Debug, Default)]
struct Activity {
    now: Option<(&'static str, Instant)>,
    by_message: BTreeMap<&'static str, u64>,
    stopped_at: Option<Instant>,
}

/// What a meter shows.
#[derive(Debug, Clone, Serialize)]
pub struct Reading {
    /// Which kind of actor.
    pub kind: &'static str,
    /// Which one of its kind: its number in the pool, or its batch.
    pub shard: String,
    /// `running` or `stopped`.
    pub state: &'static str,
    /// Messages waiting now.
    pub depth: u64,
    /// Most messages that ever waited.
    pub peak: u64,
    /// Messages handled.
    pub handled: u64,
    /// Messages whose sender went away before they were handled.
    pub cancelled: u64,
    /// Handlers that panicked.
    pub panics: u64,
    /// Units of work in its hands, as it counts them itself.
    pub load: u64,
    /// Time that messages waited, in all, in microseconds.
    pub waited_us: u64,
    /// Longest time that a message waited, in microseconds.
    pub waited_longest_us: u64,
    /// Time that handlers took, in all, in microseconds.
    pub handling_us: u64,
    /// The message being handled.
    pub busy_with: Option<&'static str>,
    /// For how long, in milliseconds.
    pub busy_for_ms: Option<u64>,
    /// Messages handled, by name.
    pub by_message: BTreeMap<&'static str, u64>,
}

impl Meter {
    /// A meter that has counted nothing yet.
    pub fn new(kind: &'static str, label: String) -> Arc<Self> {
        Arc::new(Self {
            kind,
            label,
            depth: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            handled: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            waited_us: AtomicU64::new(0),
            waited_longest_us: AtomicU64::new(0),
            handling_us: AtomicU64::new(0),
            load: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            activity: Mutex::default(),
        })
    }

    /// Which kind of actor it is.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// How much work the actor says it has in hand; pools compare it.
    pub fn set_load(&self, load: usize) {
        self.load.store(load as u64, Relaxed);
    }

    /// Work in hand and on its way.
    pub fn burden(&self) -> u64 {
        self.load.load(Relaxed) + self.depth.load(Relaxed)
    }

    /// Counts a message into the mailbox.
    pub(crate) fn post(self: &Arc<Self>) -> Ticket {
        let depth = self.depth.fetch_add(1, Relaxed) + 1;
        self.peak.fetch_max(depth, Relaxed);
        Ticket { meter: self.clone(), posted: Instant::now(), handled: false }
    }

    pub(crate) fn begin(&self, message: &'static str) {
        self.activity().now = Some((message, Instant::now()));
    }

    pub(crate) fn end(&self, message: &'static str, panicked: bool) {
        let mut activity = self.activity();
        let took = activity.now.take().map_or(0, |(_, since)| since.elapsed().as_micros() as u64);
        *activity.by_message.entry(message).or_default() += 1;
        drop(activity);
        self.handling_us.fetch_add(took, Relaxed);
        self.handled.fetch_add(1, Relaxed);
        self.panics.fetch_add(u64::from(panicked), Relaxed);
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Relaxed);
        self.activity().stopped_at = Some(Instant::now());
    }

    /// When its actor stopped.
    pub(crate) fn stopped_at(&self) -> Option<Instant> {
        self.activity().stopped_at
    }

    /// What it shows now.
    pub fn read(&self) -> Reading {
        let activity = self.activity();
        Reading {
            kind: self.kind,
            shard: self.label.clone(),
            state: if self.stopped.load(Relaxed) { "stopped" } else { "running" },
            depth: self.depth.load(Relaxed),
            peak: self.peak.load(Relaxed),
            handled: self.handled.load(Relaxed),
            cancelled: self.cancelled.load(Relaxed),
            panics: self.panics.load(Relaxed),
            load: self.load.load(Relaxed),
            waited_us: self.waited_us.load(Relaxed),
            waited_longest_us: self.waited_longest_us.load(Relaxed),
            handling_us: self.handling_us.load(Relaxed),
            busy_with: activity.now.map(|(message, _)| message),
            busy_for_ms: activity.now.map(|(_, since)| since.elapsed().as_millis() as u64),
            by_message: activity.by_message.clone(),
        }
    }

    fn activity(&self) -> std::sync::MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One message's place in a mailbox. It is given back when the message is handled, or dropped unhandled.
#[derive(Debug)]
pub(crate) struct Ticket {
    meter: Arc<Meter>,
    posted: Instant,
    handled: bool,
}

impl Ticket {
    /// The message leaves the mailbox to be handled.
    pub(crate) fn redeem(mut self) {
        self.handled = true;
        let waited = self.posted.elapsed().as_micros() as u64;
        self.meter.waited_us.fetch_add(waited, Relaxed);
        self.meter.waited_longest_us.fetch_max(waited, Relaxed);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.meter.depth.fetch_sub(1, Relaxed);
        self.meter.cancelled.fetch_add(u64::from(!self.handled), Relaxed);
    }
}
