//! The delivery of events.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::rt;
use actix_web::web::{self, Data};
use reqwest::Client;
use reqwest::redirect::Policy;
use tokio::time::sleep;

use crate::webhook::{Delivery, Event, Webhooks};
use crate::world::World;

/// Time between two looks for events, which is how late one can be.
const TICK: Duration = Duration::from_millis(50);

/// Longest time between two attempts.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// What carries events to their receiver.
#[derive(Clone)]
pub(crate) struct Courier {
    world: Data<World>,
    client: Client,
}

impl Courier {
    pub(crate) fn new(world: Data<World>) -> io::Result<Courier> {
        // Certificates take time to load, and only a plain connection is ever made. A receiver that answers with a redirect has failed, and no proxy lies between two programs of one
        // machine.
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .tls_certs_only([])
            .build()
            .map_err(io::Error::other)?;
        Ok(Courier { world, client })
    }

    /// Delivers events for as long as it is let. Batches move on by themselves while there is a receiver, as
    /// it waits instead of asking.
    pub(crate) async fn run(self) {
        loop {
            sleep(TICK).await;
            if self.world.lock().webhooks.url.is_none() {
                continue;
            }
            if self.world.is_due() {
                let world = self.world.clone();
                if web::block(move || world.settle()).await.is_err() {
                    return;
                }
            }
            let (events, webhooks) = self.world.lock().take_events();
            for event in events {
                rt::spawn(self.clone().deliver(event, webhooks.clone()));
            }
        }
    }

    async fn deliver(self, event: Event, webhooks: Webhooks) {
        let times = match event.delivery {
            Delivery::Lost => 0,
            Delivery::Once | Delivery::Forged => 1,
            Delivery::Twice => 2,
        };
        for _ in 0..times {
            self.insist(&event, &webhooks).await;
        }
    }

    /// Tries until the receiver has taken the event or the attempts are used up.
    async fn insist(&self, event: &Event, webhooks: &Webhooks) {
        let mut pause = Duration::from_millis(webhooks.retry_ms);
        for attempt in 1..=webhooks.max_attempts.max(1) {
            if attempt > 1 {
                sleep(pause.min(MAX_PAUSE)).await;
                pause = pause.saturating_mul(2);
            }
            let taken = self.attempt(event, webhooks).await;
            let mut state = self.world.lock();
            state.ledger.webhooks.attempts += 1;
            match taken {
                Ok(()) => {
                    state.ledger.webhooks.delivered += 1;
                    return;
                }
                Err(cause) => log::debug!("attempt {attempt} at event {} failed: {cause}", event.id),
            }
        }
        self.world.lock().ledger.webhooks.given_up += 1;
    }

    async fn attempt(&self, event: &Event, webhooks: &Webhooks) -> Result<(), String> {
        let url = webhooks.url.as_deref().ok_or("there is no receiver")?;
        let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let signature = match event.delivery {
            Delivery::Forged => webhooks.forged_signature(&event.id, timestamp, &event.body)?,
            _ => webhooks.signature(&event.id, timestamp, &event.body)?,
        };
        let request = self
            .client
            .post(url)
            .timeout(Duration::from_millis(webhooks.timeout_ms))
            .header("content-type", "application/json")
            .header("webhook-id", &event.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(event.body.clone());
        let status = request.send().await.map_err(|cause| cause.to_string())?.status();
        if status.is_success() { Ok(()) } else { Err(format!("the receiver answered {status}")) }
    }
}
