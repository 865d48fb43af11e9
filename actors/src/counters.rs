//! Counts of what the gateway does, kept from its start on. Each is read at any time without asking anybody.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{
    ports::Swept,
    rules::{fault::Fault, leftover::Why, results::Oddities},
};

/// One count.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts some.
    pub fn add(&self, some: u64) {
        self.0.fetch_add(some, Relaxed);
    }

    /// How many so far.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// One count for each of a few names that are known beforehand, so that each is there from the start.
#[derive(Debug)]
pub struct Family<const N: usize> {
    names: [&'static str; N],
    counters: [Counter; N],
}

impl<const N: usize> Family<N> {
    fn new(names: [&'static str; N]) -> Self {
        Self { names, counters: std::array::from_fn(|_| Counter::default()) }
    }

    /// Counts some under a name. What has no such name is not counted.
    pub fn add(&self, name: &str, some: u64) {
        let known = self.names.iter().zip(&self.counters).find(|(known, _)| **known == name);
        if let Some((_, counter)) = known {
            counter.add(some);
        }
    }

    /// Every name and its count.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.names.iter().copied().zip(self.counters.iter().map(Counter::get))
    }
}

/// Calls to the upstream of one kind.
#[derive(Debug)]
pub struct Calls {
    /// The kind: `upload`, `create`, `read` or `remove`.
    pub kind: &'static str,
    /// How they ended: `ok`, or the kind of the fault.
    pub outcomes: Family<6>,
    /// Microseconds that they took in all.
    pub took_us: Counter,
}

impl Calls {
    fn new(kind: &'static str) -> Self {
        let outcomes = ["ok", "transient", "limited", "ambiguous", "permanent", "deferred"];
        Self { kind, outcomes: Family::new(outcomes), took_us: Counter::default() }
    }

    /// A call has ended.
    pub(crate) fn ended<T>(&self, outcome: &Result<T, Fault>, took: std::time::Duration) {
        self.outcomes.add(
            match outcome {
                Ok(_) => "ok",
                Err(Fault::Transient(_)) => "transient",
                Err(Fault::Limited { .. }) => "limited",
                Err(Fault::Ambiguous(_)) => "ambiguous",
                Err(Fault::Permanent { .. }) => "permanent",
                Err(Fault::Deferred(_)) => "deferred",
            },
            1,
        );
        self.took_us.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }
}

/// See the module.
#[derive(Debug)]
pub struct Counters {
    /// Uploads of files.
    pub uploads: Calls,
    /// Creations of batches.
    pub creations: Calls,
    /// Removals of files.
    pub removals: Calls,
    /// Every other call for the gateway's own batches.
    pub reads: Calls,
    /// Batches that were created upstream.
    pub batches_created: Counter,
    /// Creations that were made again because no look found the first one: paid twice, should the upstream list that
    /// later after all.
    pub batches_created_again: Counter,
    /// Second batches with one key that were found, and cancelled.
    pub batches_orphaned: Counter,
    /// Requests that go on because their batch gave them back, by why it did.
    pub sent_again: Family<5>,
    /// Clients that joined an equal request under way instead of a new one.
    pub joined: Counter,
    /// Lines of result files that are nobody's outcome, by kind.
    pub odd_lines: Family<3>,
    /// Groups of records that were written.
    pub groups: Counter,
    /// Records in them.
    pub records: Counter,
    /// Groups that the store did not take.
    pub groups_failed: Counter,
    /// What sweeps removed from the store.
    pub swept: Family<4>,
    /// Look-ups in the cache that found an answer.
    pub cache_hits: Counter,
    /// Look-ups in the cache that found none.
    pub cache_misses: Counter,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            uploads: Calls::new("upload"),
            creations: Calls::new("create"),
            removals: Calls::new("remove"),
            reads: Calls::new("read"),
            batches_created: Counter::default(),
            batches_created_again: Counter::default(),
            batches_orphaned: Counter::default(),
            sent_again: Family::new(["failed", "neighbours", "passing", "enqueued", "unexplained"]),
            joined: Counter::default(),
            odd_lines: Family::new(["duplicate", "unknown", "malformed"]),
            groups: Counter::default(),
            records: Counter::default(),
            groups_failed: Counter::default(),
            swept: Family::new(["bodies", "answers", "requests", "batches"]),
            cache_hits: Counter::default(),
            cache_misses: Counter::default(),
        }
    }
}

impl Counters {
    /// Requests go on.
    pub(crate) fn sent_again(&self, why: &Why, requests: usize) {
        let why = match why {
            Why::Failed => "failed",
            Why::Neighbours => "neighbours",
            Why::Passing(_) => "passing",
            Why::Enqueued(..) => "enqueued",
            Why::Unexplained(_) => "unexplained",
        };
        self.sent_again.add(why, requests as u64);
    }

    /// A sweep took a step.
    pub(crate) fn swept(&self, swept: &Swept) {
        for (what, some) in [
            ("bodies", swept.bodies),
            ("answers", swept.answers),
            ("requests", swept.requests),
            ("batches", swept.batches),
        ] {
            self.swept.add(what, some as u64);
        }
    }

    /// A batch's files were read to their end.
    pub(crate) fn odd_lines(&self, oddities: &Oddities) {
        for (kind, lines) in [
            ("duplicate", oddities.duplicate),
            ("unknown", oddities.unknown),
            ("malformed", oddities.malformed),
        ] {
            self.odd_lines.add(kind, lines);
        }
    }
}
