//! One life of the gateway: its actors, and the runtime they die with.

use std::{
    panic::resume_unwind,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use batch_gpt_actors::{
    batch_submitter::BatchSubmitter,
    cell::{Letter, Mail, Place, Receive},
    clock::Clock,
    collector::Collector,
    poller::Poller,
    ports::Ids,
    rules::time::Timestamp,
    status_logger::StatusLogger,
    system::{Ports, System},
};
use futures_util::future::{Either, select};
use tokio::{
    runtime::{Builder, Runtime},
    task::LocalSet,
    time::sleep,
};

use crate::{journal::Journal, settings::settings, spills::ShakySpills, upstream::Upstream, world::World};

/// A message that makes an actor panic, without a word on the terminal.
pub struct Explode;

impl Letter for Explode {
    const NAME: &'static str = "Explode";
    type Reply = ();
}

macro_rules! explodes {
    ($($actor:ty),*) => {
        $(impl Receive<Explode> for $actor {
            fn receive(&mut self, _: Explode, _: &Mail<Self>) {
                resume_unwind(Box::new("so it was ordered"));
            }
        })*
    };
}

explodes!(Collector, BatchSubmitter, StatusLogger, Poller);

/// Ids in the order of their minting, the same in every run.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Ids for Counter {
    fn mint(&self) -> u128 {
        let number = self.0.fetch_add(1, Relaxed) + 1;
        u128::from(number) << 64 | u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

/// Fields are dropped in this order: what actors hold, the actors, the tasks.
pub struct Gateway {
    pub system: System,
    actors: LocalSet,
    runtime: Runtime,
    world: Arc<World>,
}

impl Gateway {
    pub fn start(
        world: &Arc<World>,
        journal: &Arc<Journal>,
        upstream: &Arc<Upstream>,
        ids: &Arc<Counter>,
    ) -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let actors = LocalSet::new();
        let system = actors.block_on(&runtime, async {
            let now = world.calendar.now();
            world.calendar.follow_runtime();
            let ports = Ports {
                upstream: upstream.clone(),
                store: journal.clone(),
                spills: Arc::new(ShakySpills::default()),
                ids: ids.clone(),
                clock: Clock::starting_at(Timestamp(now)),
                prices: Arc::default(),
            };
            System::start(&ports, &settings(), || Place::Here)
        });
        Self { system, actors, runtime, world: world.clone() }
    }

    /// Takes up what is unfinished, as often as the store needs it.
    pub fn recover(&self) -> Option<()> {
        self.run(async {
            while self.system.recover().await.is_err() {
                sleep(Duration::from_secs(1)).await;
            }
        })
    }

    /// Does something while the actors run. `None` if the gateway has come to its end.
    pub fn run<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        self.actors.block_on(&self.runtime, async {
            match select(pin!(self.world.trap.sprung()), pin!(what)).await {
                Either::Left(_) => None,
                Either::Right((done, _)) => Some(done),
            }
        })
    }

    /// The time in the world.
    pub fn now(&self) -> u64 {
        self.actors.block_on(&self.runtime, async { self.world.calendar.now() })
    }

    /// The end: nothing that was under way goes on.
    pub fn end(self) {
        self.actors.block_on(&self.runtime, async { self.world.calendar.stand_still() });
    }
}
