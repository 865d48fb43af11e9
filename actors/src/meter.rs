//! Counts of one mailbox, readable at any time without asking its actor.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::Duration,
};

use serde::Serialize;
use tokio::time::Instant;

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
    made: Instant,
    /// When the message that is the first to be handled became the first, in microseconds since `made`.
    first_since_us: AtomicU64,
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
    /// For how long nothing has moved although there is something to do, in milliseconds.
    pub stands_still_for_ms: u64,
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
            made: Instant::now(),
            first_since_us: AtomicU64::new(0),
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

    /// Messages handled.
    pub fn handled(&self) -> u64 {
        self.handled.load(Relaxed)
    }

    /// Counts a message into the mailbox.
    pub(crate) fn post(self: &Arc<Self>) -> Ticket {
        let posted = Instant::now();
        if self.depth.load(Relaxed) == 0 {
            self.moves(posted);
        }
        // Whoever sees the new depth must see when its first message became the first.
        let depth = self.depth.fetch_add(1, Release) + 1;
        self.peak.fetch_max(depth, Relaxed);
        Ticket { meter: self.clone(), posted, redeemed: None }
    }

    /// Another message is the first to be handled now.
    fn moves(&self, now: Instant) {
        let since_made = now.duration_since(self.made);
        self.first_since_us.fetch_max(since_made.as_micros() as u64, Relaxed);
    }

    /// For how long nothing has moved although there is something to do: how long the message at the head of the
    /// mailbox has been there, or how long one message has been handled, whichever is longer. A long mailbox that
    /// moves is no standstill.
    pub fn stands_still(&self) -> Duration {
        if self.stopped.load(Relaxed) {
            return Duration::ZERO;
        }
        let busy = self.activity().now.map_or(Duration::ZERO, |(_, since)| since.elapsed());
        if self.depth.load(Acquire) == 0 {
            return busy;
        }
        let first_since = self.made + Duration::from_micros(self.first_since_us.load(Relaxed));
        busy.max(first_since.elapsed())
    }

    pub(crate) fn begin(&self, message: &'static str, now: Instant) {
        self.activity().now = Some((message, now));
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
        let stands_still = self.stands_still();
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
            stands_still_for_ms: stands_still.as_millis() as u64,
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
    /// When its message was handled.
    redeemed: Option<Instant>,
}

impl Ticket {
    /// The message leaves the mailbox to be handled, at the time that this returns.
    pub(crate) fn redeem(mut self) -> Instant {
        let now = Instant::now();
        self.redeemed = Some(now);
        let waited = now.duration_since(self.posted).as_micros() as u64;
        self.meter.waited_us.fetch_add(waited, Relaxed);
        self.meter.waited_longest_us.fetch_max(waited, Relaxed);
        now
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.meter.moves(self.redeemed.unwrap_or_else(Instant::now));
        self.meter.depth.fetch_sub(1, Relaxed);
        self.meter.cancelled.fetch_add(u64::from(self.redeemed.is_none()), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_mailbox_stands_still_from_the_moment_its_first_message_became_the_first() {
        let meter = Meter::new("Any", "0".into());
        pass(100).await;
        assert_eq!(meter.stands_still(), Duration::ZERO, "there is nothing to do");
        let (first, second) = (meter.post(), meter.post());
        pass(14).await;
        assert_eq!(meter.stands_still().as_secs(), 14);
        first.redeem();
        assert_eq!(meter.stands_still(), Duration::ZERO, "it moves, although the second has waited as long");
        pass(3).await;
        assert_eq!(meter.read().stands_still_for_ms, 3_000);
        drop(second);
        pass(100).await;
        assert_eq!(meter.stands_still(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn an_actor_stands_still_while_it_handles_one_message() {
        let meter = Meter::new("Any", "0".into());
        let now = meter.post().redeem();
        meter.begin("Long", now);
        pass(20).await;
        let _next = meter.post();
        assert_eq!(meter.stands_still().as_secs(), 20);
        meter.end("Long", false);
        assert_eq!(meter.stands_still(), Duration::ZERO);
        meter.stop();
        pass(20).await;
        assert_eq!(meter.stands_still(), Duration::ZERO, "who has stopped does not stand still");
    }
}
