//! Lets the operations of a schedule happen, and then waits until everybody has what they were promised.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use batch_gpt_actors::{poller, rules::ids::BatchId};
use tokio::{sync::oneshot, time::sleep};

use crate::{
    client::{Client, State},
    gateway::{Counter, Explode, Gateway},
    journal::Journal,
    op::{Actor, Op},
    oracle, reached,
    settings::QUIET_DAYS,
    upstream::Upstream,
    world::World,
};

/// Clients look at least so often whether something has come for them, in milliseconds.
const SLICE: u64 = 1_800_000;

/// Runs a schedule. The error says which promise was broken.
pub fn hold(ops: &[Op]) -> Result<(), String> {
    reach(ops).map(drop)
}

/// The same, and says how far it came.
pub fn reach(ops: &[Op]) -> Result<BTreeSet<String>, String> {
    let mut schedule = Schedule::begin();
    for op in ops {
        schedule.perform(*op);
        schedule.attend();
    }
    schedule.quiet();
    schedule.judge()
}

struct Schedule {
    world: Arc<World>,
    journal: Arc<Journal>,
    upstream: Arc<Upstream>,
    ids: Arc<Counter>,
    clients: BTreeMap<u8, Client>,
    /// There is always one between two operations.
    gateway: Option<Gateway>,
    /// How long the gateway is down after a crash that was ordered in advance.
    down: u64,
}

impl Schedule {
    fn begin() -> Self {
        let world = Arc::new(World::default());
        let journal = Arc::new(Journal::new(world.clone()));
        let upstream = Arc::new(Upstream::new(world.clone(), journal.clone()));
        let mut schedule = Self {
            world,
            journal,
            upstream,
            ids: Arc::default(),
            clients: BTreeMap::new(),
            gateway: None,
            down: 0,
        };
        schedule.start();
        schedule
    }

    fn start(&mut self) {
        loop {
            let gateway = Gateway::start(&self.world, &self.journal, &self.upstream, &self.ids);
            if gateway.recover().is_some() {
                self.gateway = Some(gateway);
                return;
            }
            self.bury(gateway, self.down);
        }
    }

    fn bury(&self, gateway: Gateway, down: u64) {
        gateway.end();
        self.world.trap.clear();
        self.world.calendar.skip(down);
    }

    fn crash(&mut self, down: u64) {
        if let Some(gateway) = self.gateway.take() {
            self.bury(gateway, down);
        }
        self.start();
    }

    /// Does something while the gateway runs; another one is there afterwards if it crashes over it.
    fn run<T>(&mut self, what: impl AsyncFnOnce(&Gateway) -> T) -> Option<T> {
        let gateway = self.gateway.as_ref()?;
        let done = gateway.run(what(gateway));
        if done.is_none() {
            self.crash(self.down);
        }
        done
    }

    fn wait(&mut self, millis: u64) {
        let mut left = millis;
        while left > 0 {
            let slice = left.min(SLICE);
            left -= slice;
            self.run(async |_| sleep(Duration::from_millis(slice)).await);
            self.attend();
        }
    }

    fn send(&mut self, client: u8, resent: bool) {
        let Some(request) = self.clients.get(&client).map(|client| client.request(resent)) else { return };
        let (enqueue, receiver) = request;
        let reply = self.run(async |gateway| {
            let collector = gateway.system.collectors.by(&enqueue.lane).clone();
            collector.ask(enqueue).await.ok()
        });
        if let Some(client) = self.clients.get_mut(&client) {
            client.sent(receiver, reply.flatten());
        }
    }

    /// Clients take what has come, and those who were turned away send again.
    fn attend(&mut self) {
        let books = self.journal.books.lock().unwrap();
        self.clients.values_mut().for_each(|client| client.listen(&books, &self.world));
        drop(books);
        let turned = self.clients.values().filter(|client| matches!(client.state, State::Turned));
        for client in turned.map(|client| client.number).collect::<Vec<_>>() {
            self.send(client, true);
        }
    }

    fn perform(&mut self, op: Op) {
        let now = self.now();
        match op {
            Op::Arrive(arrival) => {
                self.clients.insert(arrival.client, Client::new(&arrival));
                self.send(arrival.client, false);
            }
            Op::Vanish { client } => {
                if let Some(client) = self.clients.get_mut(&client) {
                    client.unsteady = true;
                    client.state = State::Gone;
                }
            }
            Op::ComeBack { client, resent } => {
                if self.clients.get(&client).is_some_and(|client| matches!(client.state, State::Gone)) {
                    self.send(client, resent);
                }
            }
            Op::Advance { millis } => self.wait(millis),
            Op::Disturb { call, fault } => self.upstream.disturb(call, fault),
            Op::Spoil { client, fault } => self.upstream.factory.lock().unwrap().ledger.spoil(client, fault),
            Op::Poison { client, named } => self.upstream.factory.lock().unwrap().poison(client, named),
            Op::Plan(plan) => self.upstream.factory.lock().unwrap().plan(plan),
            Op::StoreDown { millis } => self.journal.down_until(now + millis),
            Op::StoreFails(fault) => self.journal.fail(fault),
            Op::StoreSlow { millis } => self.journal.slow(millis),
            Op::Cancel { batch } => self.cancel(batch),
            Op::CancelElsewhere { batch } => {
                self.upstream.factory.lock().unwrap().until(now).cancel(&id(batch), now);
            }
            Op::Panic(actor) => self.explode(actor),
            Op::Crash { down } => self.crash(down),
            Op::CrashAt { step, down } => {
                self.down = down;
                self.world.trap.set(step);
            }
            Op::Restart { limit, down } => {
                let limit = Duration::from_millis(limit);
                let stopped = self.run(async |gateway| gateway.system.drain(limit).await);
                if stopped.is_some() {
                    self.crash(down);
                }
            }
        }
    }

    fn cancel(&mut self, batch: u8) {
        let Some(gateway) = &self.gateway else { return };
        let id = id(batch);
        let Some(poller) = gateway.system.pollers.find(&id) else { return };
        let mut factory = self.upstream.factory.lock().unwrap();
        if let Some(key) = factory.job(&id).map(|job| job.key) {
            factory.ledger.unwanted.insert(key);
        }
        drop(factory);
        let (reply, _) = oneshot::channel();
        poller.tell(poller::Cancel { reply });
    }

    fn explode(&mut self, actor: Actor) {
        let Some(Gateway { system, .. }) = &self.gateway else { return };
        match actor {
            Actor::Collector => system.collectors.members()[0].tell(Explode),
            Actor::BatchSubmitter => system.submitters.members()[0].tell(Explode),
            Actor::StatusLogger => system.loggers.members()[0].tell(Explode),
            Actor::Poller => system.pollers.find(&id(0)).into_iter().for_each(|poller| poller.tell(Explode)),
        }
    }

    /// Nothing goes wrong any more, until everybody is content or the patience is at its end.
    fn quiet(&mut self) {
        self.upstream.calm();
        self.journal.calm();
        self.world.trap.clear();
        let end = self.now() + QUIET_DAYS * 24 * 3_600_000;
        let mut pause = 1_000;
        while self.discontent().is_some() && self.now() < end {
            self.wait(pause);
            pause = (pause * 2).min(3_600_000);
        }
    }

    fn now(&self) -> u64 {
        self.gateway.as_ref().map_or(0, Gateway::now)
    }

    fn discontent(&self) -> Option<String> {
        let waits = |client: &&Client| matches!(client.state, State::Waiting(_) | State::Turned);
        if let Some(client) = self.clients.values().find(waits) {
            return Some(format!("client {} hangs: {:?}", client.number, client.state));
        }
        let books = self.journal.books.lock().unwrap();
        books.unfinished().map(|left| format!("the journal has no end: {left}"))
    }

    fn judge(mut self) -> Result<BTreeSet<String>, String> {
        self.world.verdict()?;
        if let Some(discontent) = self.discontent() {
            return Err(discontent);
        }
        if let Some(gateway) = self.gateway.take() {
            gateway.end();
        }
        let mut factory = self.upstream.factory.lock().unwrap();
        factory.until(u64::MAX);
        let books = self.journal.books.lock().unwrap();
        oracle::judge(&books, &factory, self.clients.values(), &self.world);
        self.world.verdict()?;
        Ok(reached::places(&books, &factory))
    }
}

fn id(batch: u8) -> BatchId {
    BatchId::from(format!("batch_{batch}").as_str())
}
