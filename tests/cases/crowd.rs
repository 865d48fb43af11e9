//! Clients that ask at the same time, and what each of them was told.

use std::collections::BTreeMap;

use batch_gpt_simulator::BodyExecutions;
use reqwest::{Response, header::HeaderMap};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use crate::process::{Gateway, text};

/// Clients under way.
pub struct Crowd(Vec<JoinHandle<Told>>);

/// What a client was told.
#[derive(Debug)]
pub struct Told {
    pub prompt: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

/// Questions that differ.
pub fn questions(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("question {number}")).collect()
}

/// Asks all of these questions at once, and waits for all answers.
pub async fn ask(gateway: &Gateway, prompts: impl IntoIterator<Item = impl Into<String>>) -> Vec<Told> {
    Crowd::send(gateway, prompts).told().await
}

/// Asks one question.
pub async fn ask_one(gateway: &Gateway, prompt: &str) -> Told {
    Told::read(prompt.into(), gateway.chat("m", prompt).send().await.unwrap()).await
}

impl Crowd {
    /// A client for each question.
    pub fn send(gateway: &Gateway, prompts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let client = |prompt: String| {
            let call = gateway.chat("m", &prompt).send();
            tokio::spawn(async move { Told::read(prompt, call.await.unwrap()).await })
        };
        Self(prompts.into_iter().map(|prompt| client(prompt.into())).collect())
    }

    /// What they were told, in the order of their questions.
    pub async fn told(self) -> Vec<Told> {
        let mut told = Vec::new();
        for client in self.0 {
            told.push(client.await.unwrap());
        }
        told
    }
}

impl Told {
    pub async fn read(prompt: String, response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { prompt, status, headers, body: response.text().await.unwrap() }
    }

    /// It is the answer to the own question.
    #[track_caller]
    pub fn is_answered(&self) {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(text(&serde_json::from_str(&self.body).unwrap()), format!("Answer to: {}", self.prompt));
    }

    /// It is this error, and final.
    #[track_caller]
    pub fn is_refused(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.error()["code"], code, "{self:?}");
        assert_eq!(self.headers["x-should-retry"], "false", "{self:?}");
    }

    /// The error's four members.
    #[track_caller]
    pub fn error(&self) -> Value {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        let members = body["error"].as_object().map(serde_json::Map::len);
        assert_eq!(members, Some(4), "{self:?}");
        body["error"].clone()
    }

    /// How often the upstream was given its question, and how often that was paid for.
    pub fn executions(&self, gateway: &Gateway) -> BodyExecutions {
        let body = json!({ "model": "m", "messages": [{ "role": "user", "content": self.prompt }] });
        let hash = Sha256::digest(body.to_string());
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        gateway.ledger().bodies.get(&hash).copied().unwrap_or_default()
    }

    /// The upstream executed its question so often.
    #[track_caller]
    pub fn was_executed(&self, gateway: &Gateway, times: u64) {
        assert_eq!(self.executions(gateway).executed, times, "{self:?}");
    }
}

/// Nothing was paid for twice, and no batch was made twice.
#[track_caller]
pub fn nothing_is_paid_twice(gateway: &Gateway) {
    let ledger = gateway.ledger();
    let twice = |counts: &BTreeMap<String, u64>| counts.values().any(|count| *count > 1);
    assert!(ledger.bodies.values().all(|body| body.paid <= 1), "{:?}", ledger.bodies);
    assert!(!twice(&ledger.batches_by_key), "{:?}", ledger.batches);
}

/// How the upstream's batches stand, in the order of their creation.
pub fn statuses(gateway: &Gateway) -> Vec<String> {
    gateway.ledger().batches.iter().map(|batch| batch.status.clone()).collect()
}

/// How many lines they have; none where the validation failed.
pub fn lines(gateway: &Gateway) -> Vec<usize> {
    gateway.ledger().batches.iter().map(|batch| batch.lines).collect()
}
