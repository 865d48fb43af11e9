//! What is known at a glance: every record of the journal, counted as it becomes durable.
//!
//! What is under way is exact, also after a restart. Sums and times begin anew with each life of the gateway.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::AddAssign,
    sync::Arc,
};

use foldhash::HashMap;

use super::{
    histogram::Histogram,
    ids::{BatchId, BatchKey, RequestId},
    lane::{Endpoint, Lane, Tenant},
    outcome::Outcome,
    record::{Accepted, Record, Unfinished},
    spending::Spending,
    time::Timestamp,
    timeline::Timeline,
};

/// Settled batches whose timelines are kept.
const SETTLED: usize = 500;
/// Lanes without anything under way that are kept, because their clients choose their names.
const IDLE_LANES: usize = 1_000;

/// Requests by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Under way: in no batch.
    pub open: u64,
    /// Those of the open ones that wait for room upstream.
    pub waiting: u64,
    /// Under way: in a batch.
    pub in_batch: u64,
    /// Accepted in this life.
    pub accepted: u64,
    /// Ended with a good answer in this life.
    pub answered: u64,
    /// Ended with an error in this life.
    pub failed: u64,
    /// Given back by a batch that left them without an outcome, in this life.
    pub given_back: u64,
    /// Dropped in this life because their clients had left.
    pub withdrawn: u64,
}

/// One lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LaneTally {
    /// Its requests.
    pub counts: Counts,
    /// When its window ends, if one is open.
    pub window: Option<Timestamp>,
    /// What its answers took.
    pub spending: Spending,
}

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// Its requests.
    pub counts: Counts,
    /// What its answers took.
    pub spending: Spending,
    /// What its answers out of the cache would have taken.
    pub cached: Spending,
    /// From a request's acceptance to its outcome.
    pub request_times: Histogram,
    /// From a batch's creation to its end upstream.
    pub batch_times: Histogram,
    /// Settled batches by the status they ended with.
    pub settled: BTreeMap<&'static str, u64>,
}

/// A request under way.
#[derive(Debug, Clone)]
struct Known {
    lane: Arc<Lane>,
    at: Timestamp,
    in_batch: bool,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    requests: HashMap<RequestId, Known>,
    lanes: HashMap<Arc<Lane>, LaneTally>,
    accounts: BTreeMap<Tenant, Account>,
    endpoints: BTreeMap<Endpoint, Counts>,
    batches: HashMap<BatchKey, Timeline>,
    settled: VecDeque<BatchKey>,
    idle_lanes: usize,
}

impl Tally {
    /// What a restart found is under way.
    pub fn found(&mut self, unfinished: &Unfinished) {
        for (requests, in_batch) in [(&unfinished.open, false), (&unfinished.awaited, true)] {
            for request in requests {
                self.take(request, in_batch, 0);
            }
        }
        for batch in &unfinished.batches {
            let lane = self.lane(&batch.lane);
            self.batches.entry(batch.key).or_insert_with(|| Timeline::found(batch, lane));
        }
    }

    /// A record is durable.
    pub fn note(&mut self, record: &Record) {
        match record {
            Record::Accepted { request, .. } => self.take(request, false, 1),
            Record::Withdrawn { id, .. } => {
                if let Some(known) = self.leave(id) {
                    self.count(&known.lane, |counts| counts.withdrawn += 1);
                }
            }
            Record::Sealed { key, lane, requests, at } => {
                requests.iter().for_each(|id| self.put(id, true));
                let lane = self.lane(lane);
                let sealed = Timeline::sealed(*key, lane, requests.len(), *at);
                self.batches.entry(*key).or_insert(sealed);
            }
            Record::Uploaded { key, file, at } => self.on(key, |batch| batch.uploaded(file.clone(), *at)),
            Record::Created { key, batch: seen, at } => self.on(key, |batch| batch.created(seen, *at)),
            Record::Observed { key, batch: seen, at } => self.on(key, |batch| batch.seen(seen, *at)),
            Record::Cancelled { key, .. } => self.on(key, |batch| batch.cancelled = true),
            Record::Answered { key, outcomes, at } => {
                outcomes.iter().for_each(|(id, outcome)| self.answer(key, id, outcome, *at));
            }
            Record::Settled { key, returned, at, .. } => {
                if self.settle(*key, returned.len(), *at) {
                    returned.iter().for_each(|(id, _)| self.give_back(id));
                }
            }
            // What clients do themselves is no work of the gateway's, and what is removed is over.
            Record::FileMade { .. }
            | Record::NativeBatch { .. }
            | Record::FilesRemoved { .. }
            | Record::Purged { .. } => {}
        }
    }

    /// Answers of a batch took so much.
    pub fn spent(&mut self, key: &BatchKey, lane: &Arc<Lane>, spending: Spending) {
        self.lane_tally(lane).spending += spending;
        self.account(lane).spending += spending;
        self.on(key, |batch| batch.spending += spending);
    }

    /// An answer came out of the cache and would have taken so much.
    pub fn cached(&mut self, lane: &Arc<Lane>, spending: Spending) {
        self.account(lane).cached += spending;
    }

    /// A lane's window was opened, or closed.
    pub fn window(&mut self, lane: &Arc<Lane>, ends: Option<Timestamp>) {
        self.lane_tally(lane).window = ends;
    }

    /// So many more requests of a lane wait for room upstream.
    pub fn waits(&mut self, lane: &Arc<Lane>, requests: usize) {
        self.count(lane, |counts| counts.waiting += requests as u64);
    }

    /// So many requests of a lane that waited for room go.
    pub fn goes(&mut self, lane: &Arc<Lane>, requests: usize) {
        self.count(lane, |counts| counts.waiting = counts.waiting.saturating_sub(requests as u64));
    }

    /// The tenants.
    pub fn accounts(&self) -> impl Iterator<Item = (&Tenant, &Account)> {
        self.accounts.iter()
    }

    /// One tenant.
    pub fn account_of(&self, tenant: &Tenant) -> Option<&Account> {
        self.accounts.get(tenant)
    }

    /// The requests of an endpoint.
    pub fn endpoint(&self, endpoint: Endpoint) -> Counts {
        self.endpoints.get(&endpoint).copied().unwrap_or_default()
    }

    /// The lanes.
    pub fn lanes(&self) -> impl Iterator<Item = (&Arc<Lane>, &LaneTally)> {
        self.lanes.iter()
    }

    /// One lane.
    pub fn lane_of(&self, lane: &Lane) -> Option<LaneTally> {
        self.lanes.get(lane).copied()
    }

    /// The batches that are not settled, and the latest that are.
    pub fn batches(&self) -> impl Iterator<Item = &Timeline> {
        self.batches.values()
    }

    /// One of them, by its own key.
    pub fn batch(&self, key: &BatchKey) -> Option<&Timeline> {
        self.batches.get(key)
    }

    /// One of them, by the upstream's id.
    pub fn batch_by_id(&self, id: &BatchId) -> Option<&Timeline> {
        self.batches.values().find(|batch| batch.id.as_ref() == Some(id))
    }

    /// It is under way from now on, and counts as so many `accepted`, unless it was already.
    fn take(&mut self, request: &Accepted, in_batch: bool, accepted: u64) {
        if self.requests.contains_key(&request.id) {
            return;
        }
        let lane = self.lane(&request.lane);
        self.count(&lane, |counts| {
            *counts.under_way(in_batch) += 1;
            counts.accepted += accepted;
        });
        self.requests.insert(request.id, Known { lane, at: request.at, in_batch });
    }

    /// It is under way no more.
    fn leave(&mut self, id: &RequestId) -> Option<Known> {
        let known = self.requests.remove(id)?;
        self.count(&known.lane, |counts| {
            let place = counts.under_way(known.in_batch);
            *place = place.saturating_sub(1);
        });
        Some(known)
    }

    /// It came into a batch, or out of one.
    fn put(&mut self, id: &RequestId, in_batch: bool) {
        if let Some(known) = self.leave(id) {
            self.count(&known.lane, |counts| *counts.under_way(in_batch) += 1);
            self.requests.insert(*id, Known { in_batch, ..known });
        }
    }

    fn give_back(&mut self, id: &RequestId) {
        self.put(id, false);
        if let Some(lane) = self.requests.get(id).map(|known| known.lane.clone()) {
            self.count(&lane, |counts| counts.given_back += 1);
        }
    }

    /// The first outcome of a request counts.
    fn answer(&mut self, key: &BatchKey, id: &RequestId, outcome: &Outcome, at: Timestamp) {
        let Some(known) = self.leave(id) else { return };
        let success = outcome.is_success();
        self.count(&known.lane, |counts| *counts.ended(success) += 1);
        self.account(&known.lane).request_times.record(at.since(known.at));
        self.on(key, |batch| batch.ended_one(outcome));
    }

    /// Nothing is left to do for it; false if that is no news.
    fn settle(&mut self, key: BatchKey, given_back: usize, at: Timestamp) -> bool {
        let Some(batch) = self.batches.get_mut(&key).filter(|batch| !batch.is_settled()) else {
            return false;
        };
        batch.settle(given_back, at);
        let (lane, took, word) = (batch.lane.clone(), batch.upstream_time(), batch.word());
        let account = self.account(&lane);
        took.into_iter().for_each(|took| account.batch_times.record(took));
        *account.settled.entry(word).or_default() += 1;
        self.settled.push_back(key);
        if self.settled.len() > SETTLED
            && let Some(oldest) = self.settled.pop_front()
        {
            self.batches.remove(&oldest);
        }
        true
    }

    fn on(&mut self, key: &BatchKey, change: impl FnOnce(&mut Timeline)) {
        if let Some(batch) = self.batches.get_mut(key) {
            change(batch);
        }
    }

    /// Each request is counted, so whatever is known is looked up once.
    fn count(&mut self, lane: &Arc<Lane>, change: impl Fn(&mut Counts)) {
        match self.lanes.get_mut(lane) {
            Some(known) => change(&mut known.counts),
            None => change(&mut self.lane_tally(lane).counts),
        }
        match self.accounts.get_mut(&lane.tenant) {
            Some(known) => change(&mut known.counts),
            None => change(&mut self.account(lane).counts),
        }
        change(self.endpoints.entry(lane.endpoint).or_default());
    }

    fn account(&mut self, lane: &Arc<Lane>) -> &mut Account {
        self.accounts.entry(lane.tenant.clone()).or_default()
    }

    /// The lane, as the others of it name it: every request brings a name of its own along.
    fn lane(&mut self, lane: &Arc<Lane>) -> Arc<Lane> {
        if let Some((known, _)) = self.lanes.get_key_value(lane) {
            return known.clone();
        }
        self.lane_tally(lane);
        lane.clone()
    }

    fn lane_tally(&mut self, lane: &Arc<Lane>) -> &mut LaneTally {
        if !self.lanes.contains_key(lane) {
            self.forget_idle_lanes();
        }
        self.lanes.entry(lane.clone()).or_default()
    }

    /// Makes room for a lane, seldom enough that it costs nothing however many are busy.
    fn forget_idle_lanes(&mut self) {
        if self.lanes.len() >= self.idle_lanes.max(IDLE_LANES) {
            self.lanes.retain(|_, lane| !lane.is_idle());
            self.idle_lanes = self.lanes.len() * 2;
        }
    }
}

impl LaneTally {
    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.counts.open + self.counts.in_batch == 0 && self.window.is_none()
    }
}

impl Counts {
    fn under_way(&mut self, in_batch: bool) -> &mut u64 {
        if in_batch { &mut self.in_batch } else { &mut self.open }
    }

    fn ended(&mut self, success: bool) -> &mut u64 {
        if success { &mut self.answered } else { &mut self.failed }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.open += more.open;
        self.waiting += more.waiting;
        self.in_batch += more.in_batch;
        self.accepted += more.accepted;
        self.answered += more.answered;
        self.failed += more.failed;
        self.given_back += more.given_back;
        self.withdrawn += more.withdrawn;
    }
}

impl AddAssign<&Self> for Account {
    fn add_assign(&mut self, more: &Self) {
        self.counts += more.counts;
        self.spending += more.spending;
        self.cached += more.cached;
        self.request_times += more.request_times;
        self.batch_times += more.batch_times;
        for (status, batches) in &more.settled {
            *self.settled.entry(status).or_default() += batches;
        }
    }
}
