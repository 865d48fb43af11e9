//! The Pollers in flight: one for each batch that exists upstream and is not settled.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::sync::watch;

use crate::{
    board::Board,
    cell::{Behaviour, Cell, Mail, Place},
    job::Job,
    links::Links,
    poller::{Poller, Watch},
    pool::Balance,
    rules::{
        batch::Command,
        ids::{BatchId, BatchKey},
    },
};

/// Starts Pollers, spread over their arbiters, and finds them by their batch.
pub struct Pollers {
    /// Where Pollers run, and how many have been started there.
    places: Vec<(Place, AtomicU64)>,
    board: Arc<Board>,
    links: Arc<Links>,
    next: AtomicUsize,
    in_flight: Mutex<HashMap<BatchKey, Mail<Poller>>>,
    by_id: Mutex<HashMap<BatchId, BatchKey>>,
    count: watch::Sender<usize>,
}

impl Pollers {
    /// None in flight. `places` is where they run; at least one.
    pub fn new(places: Vec<Place>, board: Arc<Board>, links: Arc<Links>) -> Arc<Self> {
        Arc::new(Self {
            places: places.into_iter().map(|place| (place, AtomicU64::new(0))).collect(),
            board,
            links,
            next: AtomicUsize::new(0),
            in_flight: Mutex::default(),
            by_id: Mutex::default(),
            count: watch::Sender::new(0),
        })
    }

    /// Gives a batch a Poller of its own.
    pub(crate) fn watch(self: &Arc<Self>, job: Job, commands: Vec<Command>) {
        let key = job.batch.key;
        let id = job.batch.upstream_id().cloned();
        let turn = self.next.fetch_add(1, Relaxed);
        let place = match self.places.get(turn % self.places.len().max(1)) {
            Some((place, started)) => {
                started.fetch_add(1, Relaxed);
                place
            }
            None => &Place::Here,
        };
        let poller = Poller::new(job, self.links.clone(), self.clone());
        let mail = Cell::start(poller, key.to_string(), place, &self.board);
        mail.tell(Watch { commands });
        let mut in_flight = lock(&self.in_flight);
        in_flight.insert(key, mail);
        if let Some(id) = id {
            lock(&self.by_id).insert(id, key);
        }
        self.count.send_replace(in_flight.len());
    }

    /// The Poller of a batch, if it is in flight.
    pub fn find(&self, id: &BatchId) -> Option<Mail<Poller>> {
        let key = *lock(&self.by_id).get(id)?;
        lock(&self.in_flight).get(&key).cloned()
    }

    /// The batch is settled: its Poller stops.
    pub(crate) fn retire(&self, key: BatchKey) {
        let mut in_flight = lock(&self.in_flight);
        if let Some(mail) = in_flight.remove(&key) {
            mail.stop();
        }
        lock(&self.by_id).retain(|_, of| *of != key);
        self.count.send_replace(in_flight.len());
    }

    /// How evenly the batches are spread over the places.
    pub fn balance(&self) -> Balance {
        Balance::of(Poller::KIND, self.places.iter().map(|(_, started)| started.load(Relaxed)).collect())
    }

    /// How many batches are in flight, and when that changes.
    pub fn count(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
