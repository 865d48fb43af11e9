//! What the simulated upstream did, held against what should have been done.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The upstream's own account.
#[derive(Debug, Clone)]
pub struct Ledger {
    bodies: BTreeMap<String, Executions>,
    /// Faults that happened, by kind; those of lines begin with `line_`.
    pub faults: BTreeMap<String, u64>,
    keys: Vec<String>,
    /// Batches that have not ended.
    pub unended: Vec<String>,
    /// Files that were uploaded.
    pub uploads: u64,
    /// Lines of the batches that were created.
    pub lines: u64,
}

/// How often a body was executed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Executions {
    /// Executions, whatever came of them.
    pub executed: u64,
    /// Executions that got an answer, and so would have been charged.
    pub paid: u64,
}

/// Where the account differs from what should have been done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations {
    /// Bodies that were sent and never executed.
    pub never: usize,
    /// Bodies that were executed more than once.
    pub twice: usize,
    /// Bodies that were executed although nobody sent them as they are.
    pub strange: usize,
    /// Batch keys with more than one batch.
    pub keys_twice: Vec<String>,
}

impl Ledger {
    /// Asks the simulator whose API is at `base_url`.
    pub async fn fetch(base_url: &str) -> Result<Self, String> {
        let url = base_url.replace("/v1", "/simulator/ledger");
        let fault = |error: reqwest::Error| format!("no ledger: {error}");
        let http = reqwest::Client::builder().no_proxy().build().map_err(fault)?;
        let text = http.get(url).send().await.map_err(fault)?.text().await.map_err(fault)?;
        let report = serde_json::from_str(&text).map_err(|error| format!("no ledger: {error}"))?;
        Ok(Self::read(&report))
    }

    fn read(report: &Value) -> Self {
        let counts = |member: &str| report[member].as_object().into_iter().flatten();
        let batches = || report["batches"].as_array().into_iter().flatten();
        let key = |batch: &Value| batch["metadata"]["batch_gpt_key"].as_str().map(str::to_owned);
        let ended = |batch: &&Value| {
            ["completed", "failed", "expired", "cancelled"].contains(&batch["status"].as_str().unwrap_or(""))
        };
        Self {
            bodies: counts("bodies").map(|(hash, count)| (hash.clone(), Executions::read(count))).collect(),
            faults: counts("faults").map(|(kind, count)| (kind.clone(), number(count))).collect(),
            keys: batches().filter_map(key).collect(),
            unended: batches()
                .filter(|batch| !ended(batch))
                .map(|batch| batch["id"].as_str().unwrap_or("?").to_owned())
                .collect(),
            uploads: number(&report["uploads"]),
            lines: batches().map(|batch| number(&batch["lines"])).sum(),
        }
    }

    /// Batches that were created.
    pub fn batches(&self) -> usize {
        self.keys.len()
    }

    /// Holds it against the bodies that were sent, each of which should have been executed once.
    pub fn check<'a>(&self, sent: impl IntoIterator<Item = &'a [u8]>) -> Violations {
        let sent: BTreeSet<String> = sent.into_iter().map(hash).collect();
        Violations {
            never: sent.iter().filter(|hash| !self.bodies.contains_key(*hash)).count(),
            twice: self.bodies.values().filter(|count| count.executed > 1).count(),
            strange: self.bodies.keys().filter(|hash| !sent.contains(*hash)).count(),
            keys_twice: self.keys_twice(),
        }
    }

    /// How often this body was executed.
    pub fn executions(&self, body: &[u8]) -> Executions {
        self.bodies.get(&hash(body)).copied().unwrap_or_default()
    }

    /// Batch keys with more than one batch.
    pub fn keys_twice(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        self.keys.iter().filter(|key| !seen.insert(*key)).cloned().collect()
    }
}

impl Executions {
    fn read(count: &Value) -> Self {
        Self { executed: number(&count["executed"]), paid: number(&count["paid"]) }
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn hash(body: &[u8]) -> String {
    Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Changes settings of the simulator whose API is at `base_url`.
pub async fn adjust(base_url: &str, patch: &str) -> Result<(), String> {
    control(base_url, "settings", patch).await
}

/// Orders faults of the simulator whose API is at `base_url`.
pub async fn order(base_url: &str, faults: &str) -> Result<(), String> {
    control(base_url, "faults", faults).await
}

/// Moves the clock of its batches and files on by so many seconds.
pub async fn advance(base_url: &str, seconds: u32) -> Result<(), String> {
    control(base_url, "clock", &json!({ "advance_seconds": seconds }).to_string()).await
}

async fn control(base_url: &str, what: &str, body: &str) -> Result<(), String> {
    let url = base_url.replace("/v1", &format!("/simulator/{what}"));
    let fault = |error: reqwest::Error| format!("the simulator refuses {what}: {error}");
    let http = reqwest::Client::builder().no_proxy().build().map_err(fault)?;
    let answer = http.post(url).body(body.to_owned()).send().await.map_err(fault)?;
    answer.error_for_status().map(drop).map_err(fault)
}
