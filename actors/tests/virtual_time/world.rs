//! One gateway's actors, with everything around them in memory.

use std::{sync::Arc, time::Duration};

use batch_gpt_actors::{
    cell::Place,
    clock::Clock,
    collector::{Enqueue, Refused},
    links::Calling,
    ports::TimeOrderedIds,
    rules::{
        admission::Capacity,
        body::check,
        collate::Limits,
        lane::{Endpoint, Lane, Tenant},
        outcome::Outcome,
        retention::Retention,
        retry::Polling,
        terms::Terms,
        time::{Millis, Timestamp},
    },
    system::{Ports, Settings, System},
    waiting_room::{Client, Delivery},
};
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::LocalSet};

use crate::{memory_spills::MemorySpills, memory_store::MemoryStore, memory_upstream::MemoryUpstream};

pub const SETTINGS: Settings = Settings {
    limits: Limits { max_requests: 100, max_bytes: 1_000_000, max_inputs: 1_000, window: Millis(5_000) },
    calling: Calling {
        polling: Polling { min: Millis(5_000), max: Millis(300_000) },
        batches_per_hour: 2_000,
        max_attempts: 3,
        removes_files: true,
    },
    room: 10_000,
    collectors: 1,
    batch_submitters: 2,
    poller_arbiters: 1,
    status_loggers: 1,
    open_requests: Capacity::shared(100_000, 1),
    retention: Retention { bodies: None, answers: None, statuses: None },
};

pub struct World {
    pub system: System,
    pub store: Arc<MemoryStore>,
    pub upstream: Arc<MemoryUpstream>,
    pub spills: MemorySpills,
}

impl World {
    pub fn start(upstream: MemoryUpstream, settings: Settings) -> Self {
        Self::restart(Arc::default(), Arc::new(upstream), settings)
    }

    /// A gateway on a store and an upstream that were there before it.
    pub fn restart(store: Arc<MemoryStore>, upstream: Arc<MemoryUpstream>, settings: Settings) -> Self {
        let spills = MemorySpills::default();
        let ports = Ports {
            upstream: upstream.clone(),
            store: store.clone(),
            spills: Arc::new(spills.clone()),
            ids: Arc::new(TimeOrderedIds),
            clock: Clock::starting_at(Timestamp(1_700_000_000_000)),
            prices: Arc::default(),
        };
        let system = System::start(&ports, &pooled(settings), || Place::Here);
        Self { system, store, upstream, spills }
    }

    /// Sends a prompt; the receiver is its client.
    pub async fn send(&self, model: &str, prompt: &str) -> Result<oneshot::Receiver<Delivery>, Refused> {
        self.send_as(model, prompt, false).await
    }

    pub async fn send_as(
        &self,
        model: &str,
        prompt: &str,
        resent: bool,
    ) -> Result<oneshot::Receiver<Delivery>, Refused> {
        let (reply, delivery) = oneshot::channel();
        self.seat(model, prompt, resent, Client::Parked(reply)).await?;
        Ok(delivery)
    }

    /// Sends a prompt for a client of any kind.
    pub async fn seat(&self, model: &str, prompt: &str, resent: bool, client: Client) -> Result<(), Refused> {
        self.seat_on(Terms::default(), model, prompt, resent, client).await
    }

    /// Sends a prompt on terms of its own; the receiver is its client.
    pub async fn send_on(&self, terms: Terms, prompt: &str) -> oneshot::Receiver<Delivery> {
        let (reply, delivery) = oneshot::channel();
        self.seat_on(terms, "m", prompt, false, Client::Parked(reply)).await.unwrap();
        delivery
    }

    async fn seat_on(
        &self,
        terms: Terms,
        model: &str,
        prompt: &str,
        resent: bool,
        client: Client,
    ) -> Result<(), Refused> {
        let body = json!({ "model": model, "messages": [{ "role": "user", "content": prompt }] }).to_string();
        let checked = check(Endpoint::ChatCompletions, body.as_bytes()).unwrap();
        let tenant = Tenant::anonymous();
        let fingerprint = checked.fingerprint(&tenant, Endpoint::ChatCompletions);
        let lane = Arc::new(Lane { tenant, endpoint: Endpoint::ChatCompletions, model: checked.model });
        let (body, inputs) = (checked.line, checked.inputs);
        let word = None;
        let enqueue = Enqueue { lane: lane.clone(), fingerprint, body, inputs, resent, terms, client, word };
        self.system.collectors.by(&lane).ask(enqueue).await.unwrap()
    }
}

/// `BATCH_GPT_TEST_POOLS` is how many actors there are of each kind that is pooled.
fn pooled(settings: Settings) -> Settings {
    let Ok(size) = std::env::var("BATCH_GPT_TEST_POOLS") else {
        return settings;
    };
    let size = size.parse().unwrap();
    Settings {
        collectors: size,
        batch_submitters: size,
        poller_arbiters: size,
        status_loggers: size,
        ..settings
    }
}

/// Runs a test on one thread, where actors can be started without an arbiter.
pub async fn on_one_thread(test: impl Future<Output = ()>) {
    LocalSet::new().run_until(test).await;
}

pub async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

pub fn outcome(delivery: Delivery) -> Outcome {
    match delivery {
        Delivery::Answered { outcome, .. } => outcome,
        other => panic!("no outcome but {other:?}"),
    }
}

/// The prompt that an answer repeats.
pub fn prompt_of(outcome: &Outcome) -> String {
    let body: Value = serde_json::from_slice(&outcome.body).unwrap();
    body["messages"][0]["content"].as_str().unwrap().to_owned()
}
