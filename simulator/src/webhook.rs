//! Events about batches that ended (contract, section 5.9).

use std::fmt;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;

use crate::identifier::Identifiers;

/// Where events go and how often they are tried.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// The receiver, `http://` and a loopback address; none: no events.
    pub url: Option<String>,
    /// The secret of the signatures: `whsec_` and the key in base64.
    pub secret: String,
    /// Attempts at one event before it is given up, at least 1.
    pub max_attempts: u32,
    /// Milliseconds before the second attempt, in real time; each further one waits twice as long.
    pub retry_ms: u64,
    /// Milliseconds, in real time, after which an attempt without an answer has failed.
    pub timeout_ms: u64,
}

impl Default for Webhooks {
    fn default() -> Self {
        Webhooks {
            url: None,
            secret: "whsec_dGhlIHNlY3JldCBvZiB0aGUgc2ltdWxhdG9y".to_owned(),
            max_attempts: 10,
            retry_ms: 500,
            timeout_ms: 15_000,
        }
    }
}

impl fmt::Debug for Webhooks {
    /// Keeps the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks")
            .field("url", &self.url)
            .field("max_attempts", &self.max_attempts)
            .field("retry_ms", &self.retry_ms)
            .field("timeout_ms", &self.timeout_ms)
            .finish_non_exhaustive()
    }
}

impl Webhooks {
    /// Refuses a receiver that is not on this machine, and a secret that is no key.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some(url) = &self.url
            && !is_loopback(url)
        {
            return Err(format!("{url} is not http:// and a loopback address"));
        }
        self.key().map(|_| ())
    }

    /// The `webhook-signature` of one attempt.
    pub(crate) fn signature(&self, id: &str, timestamp: u64, body: &str) -> Result<String, String> {
        sign(&self.key()?, id, timestamp, body)
    }

    /// A signature by a key that is not the receiver's.
    pub(crate) fn forged_signature(&self, id: &str, timestamp: u64, body: &str) -> Result<String, String> {
        let mut key = self.key()?;
        key.push(0xFF);
        sign(&key, id, timestamp, body)
    }

    fn key(&self) -> Result<Vec<u8>, String> {
        let text =
            self.secret.strip_prefix("whsec_").ok_or("the webhook secret does not begin with whsec_")?;
        STANDARD.decode(text).map_err(|cause| format!("the webhook secret is not base64: {cause}"))
    }
}

/// How an event is delivered, decided when its batch is created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Delivery {
    #[default]
    Once,
    /// The same event again, under the same id.
    Twice,
    /// Not at all.
    Lost,
    /// With a signature that is not right.
    Forged,
}

/// An event that waits for its delivery.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The `webhook-id`, the same at each attempt.
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) delivery: Delivery,
}

impl Event {
    /// The event for a batch that ended with `status`, at `now_ms`.
    pub(crate) fn of(
        batch: &str,
        status: &str,
        delivery: Delivery,
        now_ms: u64,
        identifiers: &Identifiers,
    ) -> Event {
        let body = json!({
            "id": identifiers.next("evt_"),
            "object": "event",
            "created_at": now_ms / 1000,
            "type": format!("batch.{status}"),
            "data": { "id": batch },
        });
        Event { id: identifiers.next("wh_"), body: body.to_string(), delivery }
    }
}

fn is_loopback(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    url.scheme() == "http" && host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn sign(key: &[u8], id: &str, timestamp: u64, body: &str) -> Result<String, String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|cause| cause.to_string())?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_clients_own_test_vector() {
        let secret = "whsec_RdvaYFYUXuIFuEbvZHwMfYFhUf7aMYjYcmM24+Aj40c=".to_owned();
        let webhooks = Webhooks { secret, ..Webhooks::default() };
        let body = "{\"id\": \"evt_685c059ae3a481909bdc86819b066fb6\", \"object\": \"event\", \
                    \"created_at\": 1750861210, \"type\": \"response.completed\", \
                    \"data\": {\"id\": \"resp_123\"}}";
        let id = "wh_685c059ae39c8190af8c71ed1022a24d";
        let right = "v1,gUAg4R2hWouRZqRQG4uJypNS8YK885G838+EHb4nKBY=";
        assert_eq!(webhooks.signature(id, 1_750_861_210, body).as_deref(), Ok(right));
        assert_ne!(webhooks.forged_signature(id, 1_750_861_210, body).as_deref(), Ok(right));
    }

    #[test]
    fn only_receivers_on_this_machine_are_taken() {
        let at = |url: &str| Webhooks { url: Some(url.to_owned()), ..Webhooks::default() }.check().is_ok();
        assert!(at("http://127.0.0.1:80/hook"));
        assert!(at("http://127.4.4.4/"));
        assert!(at("http://[::1]:9/"));
        for url in
            ["http://10.0.0.1/", "https://127.0.0.1/", "http://localhost/", "http://127.0.0.1.nip.io/", "x"]
        {
            assert!(!at(url), "{url}");
        }
    }
}
