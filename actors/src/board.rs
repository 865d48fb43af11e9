//! The board: every actor's meter in one place, and the count of panics.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;
use serde_json::Value;
use tokio::{sync::watch, time::Instant};

use crate::meter::{Meter, Reading};

/// How long an actor may take to give its own numbers before it counts as busy.
const OBSERVE_LIMIT: Duration = Duration::from_millis(200);
/// How long a stopped actor stays on the board.
const LINGER: Duration = Duration::from_secs(60);
/// So many panics within a minute, and the gateway no longer trusts itself.
const PANICS_PER_MINUTE: usize = 3;

type Observer = Arc<dyn Fn() -> BoxFuture<'static, Option<Value>> + Send + Sync>;

/// Every actor there is, and was a moment ago.
pub struct Board {
    actors: Mutex<Vec<(Arc<Meter>, Observer)>>,
    /// What actors did that are no longer on the board.
    gone: Mutex<BTreeMap<&'static str, Work>>,
    panics: Mutex<VecDeque<Instant>>,
    distrust: watch::Sender<bool>,
}

/// What actors have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    /// Actors at work now.
    pub running: u64,
    /// Messages that wait for them.
    pub depth: u64,
    /// Messages handled.
    pub handled: u64,
    /// Handlers that panicked.
    pub panics: u64,
    /// Microseconds that messages waited in all.
    pub waited_us: u64,
    /// Microseconds that handlers took in all.
    pub handling_us: u64,
}

impl Work {
    fn add(&mut self, reading: &Reading) {
        self.handled += reading.handled;
        self.panics += reading.panics;
        self.waited_us += reading.waited_us;
        self.handling_us += reading.handling_us;
    }
}

/// One actor on the board.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Its mailbox.
    #[serde(flatten)]
    pub reading: Reading,
    /// Its own numbers; `"busy"` if it could not give them at once.
    pub own: Value,
}

impl Board {
    /// An empty board.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            actors: Mutex::default(),
            gone: Mutex::default(),
            panics: Mutex::default(),
            distrust: watch::Sender::new(false),
        })
    }

    pub(crate) fn register(
        &self,
        meter: Arc<Meter>,
        observe: impl Fn() -> BoxFuture<'static, Option<Value>> + Send + Sync + 'static,
    ) {
        self.sweep().push((meter, Arc::new(observe)));
    }

    pub(crate) fn panicked(&self) {
        let now = Instant::now();
        let mut panics = lock(&self.panics);
        panics.push_back(now);
        panics.retain(|at| now.duration_since(*at) < Duration::from_secs(60));
        if panics.len() >= PANICS_PER_MINUTE {
            self.distrust.send_replace(true);
        }
    }

    /// Turns true when handlers panicked three times within a minute: time to drain and to leave.
    pub fn distrust(&self) -> watch::Receiver<bool> {
        self.distrust.subscribe()
    }

    /// All meters, without asking anybody.
    pub fn readings(&self) -> Vec<Reading> {
        self.current().iter().map(|(meter, _)| meter.read()).collect()
    }

    /// The actors that have stood still for longer than this, without asking anybody.
    pub fn standing_still(&self, limit: Duration) -> Vec<Reading> {
        let current = self.current();
        let still = current.iter().filter(|(meter, _)| meter.stands_still() > limit);
        still.map(|(meter, _)| meter.read()).collect()
    }

    /// All meters, and from every actor that answers within 200 ms its own numbers.
    pub async fn entries(&self) -> Vec<Entry> {
        let observed = self.current().into_iter().map(|(meter, observe)| async move {
            let own = tokio::time::timeout(OBSERVE_LIMIT, observe()).await;
            let own = own.map_or_else(|_| Value::from("busy"), Option::unwrap_or_default);
            Entry { reading: meter.read(), own }
        });
        join_all(observed).await
    }

    fn current(&self) -> Vec<(Arc<Meter>, Observer)> {
        self.sweep().clone()
    }

    /// Those on the board, without the ones that stopped long enough ago.
    fn sweep(&self) -> MutexGuard<'_, Vec<(Arc<Meter>, Observer)>> {
        let mut actors = lock(&self.actors);
        actors.retain(|(meter, _)| {
            let stays = meter.stopped_at().is_none_or(|at| at.elapsed() < LINGER);
            if !stays {
                lock(&self.gone).entry(meter.kind()).or_default().add(&meter.read());
            }
            stays
        });
        actors
    }

    /// What all actors of a kind have done together, those included that are gone.
    pub fn work(&self) -> BTreeMap<&'static str, Work> {
        let actors = self.sweep();
        let mut work = lock(&self.gone).clone();
        for (meter, _) in actors.iter() {
            let reading = meter.read();
            let work = work.entry(reading.kind).or_default();
            work.add(&reading);
            work.running += u64::from(meter.stopped_at().is_none());
            work.depth += reading.depth;
        }
        work
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
