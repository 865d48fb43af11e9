//! What is known of the gateway's work, in one place: kept by the actors as things happen, and read by whoever shows
//! it, without asking an actor or the store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{
    counters::Counters,
    rules::{
        ids::{BatchKey, RequestId},
        lane::Lane,
        outcome::{Origin, Outcome},
        price::Prices,
        record::{Record, Unfinished},
        spending::Spending,
        tally::Tally,
        time::Timestamp,
        usage::Usage,
    },
};

/// See the module.
#[derive(Debug)]
pub struct Ledger {
    /// Plain counts.
    pub counters: Counters,
    /// What tokens cost.
    pub prices: Arc<Prices>,
    /// When it was opened.
    pub since: Timestamp,
    tally: Mutex<Tally>,
}

impl Ledger {
    /// Nothing is known yet.
    pub fn new(prices: Arc<Prices>, since: Timestamp) -> Arc<Self> {
        Arc::new(Self { counters: Counters::default(), prices, since, tally: Mutex::default() })
    }

    /// Looks at what is known. Every actor that has something to add waits meanwhile, so only copy what is needed.
    pub fn read<T>(&self, look: impl FnOnce(&Tally) -> T) -> T {
        look(&self.tally())
    }

    /// An answer came out of the cache for a request of this lane.
    pub fn cache_hit(&self, lane: &Arc<Lane>, answer: &[u8]) {
        self.counters.cache_hits.add(1);
        let saved = Spending::of(Usage::of(answer), self.prices.of(&lane.model));
        self.tally().cached(lane, saved);
    }

    /// The cache had no answer.
    pub fn cache_miss(&self) {
        self.counters.cache_misses.add(1);
    }

    /// What a restart found.
    pub(crate) fn found(&self, unfinished: &Unfinished) {
        self.tally().found(unfinished);
    }

    /// A group of records is durable.
    pub(crate) fn written<'a>(&self, records: impl ExactSizeIterator<Item = &'a Record>) {
        self.counters.groups.add(1);
        self.counters.records.add(records.len() as u64);
        let mut tally = self.tally();
        records.for_each(|record| tally.note(record));
    }

    /// Outcomes of a batch are durable: their tokens and what they cost.
    pub(crate) fn spent(&self, key: &BatchKey, lane: &Arc<Lane>, outcomes: &[(RequestId, Outcome)]) {
        let price = self.prices.of(&lane.model);
        let mut sum = Spending::default();
        for (_, outcome) in outcomes {
            if outcome.is_success() && outcome.origin == Origin::Upstream {
                sum += Spending::of(Usage::of(&outcome.body), price);
            }
        }
        if sum != Spending::default() {
            self.tally().spent(key, lane, sum);
        }
    }

    /// A lane's window was opened, or closed.
    pub(crate) fn window(&self, lane: &Arc<Lane>, ends: Option<Timestamp>) {
        self.tally().window(lane, ends);
    }

    /// So many more requests of a lane wait for room upstream.
    pub(crate) fn waits(&self, lane: &Arc<Lane>, requests: usize) {
        self.tally().waits(lane, requests);
    }

    /// So many of them go.
    pub(crate) fn goes(&self, lane: &Arc<Lane>, requests: usize) {
        self.tally().goes(lane, requests);
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
