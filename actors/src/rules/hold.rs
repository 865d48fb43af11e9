//! Sealed lanes that wait because too much is enqueued upstream for their model (contract, sections 2.4 and 3.4).
//!
//! No API tells the limit. It is learned from a refusal, and so is that there is one. Tokens are estimated from bytes,
//! so the estimate only decides when to try and whether to halve; that a single request can never fit is believed
//! after several refusals, while nothing else of its model runs.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{
    ids::BatchKey,
    retry::Polling,
    time::{Millis, Timestamp},
};

/// Bytes of a prompt that make about a token.
const BYTES_PER_TOKEN: u64 = 4;
/// Refusals of a lot that runs alone before it is halved although the estimate says that it fits.
const TRIALS_ALONE: u32 = 2;
/// Refusals of a single request that runs alone before it is believed never to fit.
const TRIALS_SINGLE: u32 = 4;
/// How long a single request is tried that should fit: others may use the same account.
const PATIENCE: Millis = Millis::from_secs(24 * 3600);

/// A lot's turn, which it keeps from one batch to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Turn {
    /// Its place in the queue: lots go in this order.
    pub place: u64,
    /// Refusals so far.
    refusals: u32,
    /// Those of them while nothing else of its model ran.
    alone: u32,
    /// When it was refused first.
    since: Option<Timestamp>,
}

impl Turn {
    /// The turn of a lot that has never been refused.
    pub fn at(place: u64) -> Self {
        Self { place, ..Self::default() }
    }

    /// The turn of a part, of which nothing is known yet.
    fn of_a_part(self) -> Self {
        Self { refusals: 0, alone: 0, ..self }
    }
}

/// What is sent upstream together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot<T> {
    /// When it goes.
    pub turn: Turn,
    /// Requests in it.
    pub requests: usize,
    /// Bytes of their lines.
    pub bytes: u64,
    /// What it is.
    pub load: T,
}

impl<T> Lot<T> {
    fn tokens(&self) -> u64 {
        self.bytes.div_ceil(BYTES_PER_TOKEN)
    }
}

/// What becomes of a lot that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused<T> {
    /// It waits.
    Held,
    /// It will never fit, and has to be halved.
    Halve(Lot<T>),
    /// It is a single request and will never fit.
    Never(Lot<T>),
}

struct Model<T> {
    limit: Option<u64>,
    /// By how much the estimate is too low, as refusals have shown.
    factor: f64,
    running: HashMap<BatchKey, u64>,
    waiting: VecDeque<Lot<T>>,
    /// Nothing goes before a batch of the model ends, or before `due`.
    blocked: bool,
    due: Timestamp,
}

impl<T> Default for Model<T> {
    fn default() -> Self {
        Self {
            limit: None,
            factor: 1.0,
            running: HashMap::new(),
            waiting: VecDeque::new(),
            blocked: false,
            due: Timestamp(0),
        }
    }
}

impl<T> Model<T> {
    fn estimate(&self, tokens: u64) -> f64 {
        tokens as f64 * self.factor
    }

    fn fits(&self, lot: &Lot<T>) -> bool {
        let enqueued: u64 = self.running.values().sum();
        self.running.is_empty()
            || self.limit.is_none_or(|limit| self.estimate(enqueued + lot.tokens()) <= limit as f64)
    }

    fn insert(&mut self, lot: Lot<T>) {
        let at = self.waiting.partition_point(|waiting| waiting.turn.place <= lot.turn.place);
        self.waiting.insert(at, lot);
    }

    fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }
}

/// The models and their lots.
pub struct Hold<T> {
    models: HashMap<Arc<str>, Model<T>>,
    polling: Polling,
}

impl<T> Hold<T> {
    /// Nothing waits, and no limit is known. The pauses between trials grow like those between looks at a batch.
    pub fn new(polling: Polling) -> Self {
        Self { models: HashMap::new(), polling }
    }

    /// Gives back the lot if it may go now; otherwise it waits behind those that came before it.
    pub fn offer(&mut self, model: &Arc<str>, lot: Lot<T>) -> Option<Lot<T>> {
        let Some(known) = self.models.get_mut(model) else {
            return Some(lot);
        };
        if known.waiting.is_empty() && !known.blocked && known.fits(&lot) {
            return Some(lot);
        }
        known.insert(lot);
        None
    }

    /// Has a lot wait, whatever room there is: it goes with the next [`release`](Self::release).
    pub fn queue(&mut self, model: &Arc<str>, lot: Lot<T>) {
        self.models.entry(model.clone()).or_default().insert(lot);
    }

    /// A batch of so many bytes of lines is on its way upstream.
    pub fn started(&mut self, model: &Arc<str>, key: BatchKey, bytes: u64) {
        let known = self.models.entry(model.clone()).or_default();
        known.running.insert(key, bytes.div_ceil(BYTES_PER_TOKEN));
    }

    /// A batch has ended, however: there is room again.
    pub fn ended(&mut self, model: &Arc<str>, key: BatchKey) {
        let Some(known) = self.models.get_mut(model) else {
            return;
        };
        known.running.remove(&key);
        known.blocked = false;
        if known.is_idle() && known.limit.is_none() {
            self.models.remove(model);
        }
    }

    /// The upstream refused a batch of this lot because too much is enqueued; its end has been noted before.
    pub fn refused(
        &mut self,
        model: &Arc<str>,
        mut lot: Lot<T>,
        limit: Option<u64>,
        now: Timestamp,
    ) -> Refused<T> {
        let known = self.models.entry(model.clone()).or_default();
        known.limit = limit.or(known.limit);
        let alone = known.running.is_empty();
        let enqueued = known.running.values().sum::<u64>() + lot.tokens();
        if let Some(limit) = known.limit
            && known.estimate(enqueued) <= limit as f64
        {
            known.factor = (limit as f64 / enqueued.max(1) as f64) * 1.1;
        }
        let since = *lot.turn.since.get_or_insert(now);
        lot.turn.alone += u32::from(alone);
        let too_large = known.limit.is_some_and(|limit| lot.tokens() > limit);
        let never = match lot.requests {
            0 | 1 => {
                (too_large && lot.turn.alone >= TRIALS_SINGLE) || (alone && now.since(since) >= PATIENCE)
            }
            _ => alone && (too_large || lot.turn.alone >= TRIALS_ALONE),
        };
        if never {
            if lot.requests < 2 {
                return Refused::Never(lot);
            }
            lot.turn = lot.turn.of_a_part();
            return Refused::Halve(lot);
        }
        known.due = now + self.polling.interval(lot.turn.refusals, lot.turn.place);
        lot.turn.refusals = lot.turn.refusals.saturating_add(1);
        known.blocked = true;
        known.insert(lot);
        Refused::Held
    }

    /// Lots that may go now, in their order. Where no limit is known, one at a time, as a trial. The caller tells each
    /// one's [`started`](Self::started) before it asks again.
    pub fn release(&mut self, now: Timestamp) -> Option<(Arc<str>, Lot<T>)> {
        for (model, known) in &mut self.models {
            if known.blocked && now >= known.due {
                known.blocked = false;
            }
            let Some(first) = known.waiting.front() else {
                continue;
            };
            if known.blocked || !known.fits(first) {
                continue;
            }
            known.blocked = known.limit.is_none();
            known.due = now + self.polling.interval(first.turn.refusals, first.turn.place);
            if let Some(lot) = known.waiting.pop_front() {
                return Some((model.clone(), lot));
            }
        }
        None
    }

    /// When the next trial is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        let waiting = self.models.values().filter(|model| model.blocked && !model.waiting.is_empty());
        waiting.map(|model| model.due).min()
    }

    /// Lots that wait.
    pub fn waiting(&self) -> usize {
        self.models.values().map(|model| model.waiting.len()).sum()
    }
}
