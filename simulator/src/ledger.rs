//! The account of what was executed.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::execution::ExecutedLine;
use crate::operation::Operation;
use crate::tries::BodyHash;

/// The metadata key by which a client recognises a batch whose creation was not answered.
const KEY: &str = "batch_gpt_key";

/// What the simulator did so far; the proof that a client paid for each request once.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LedgerReport {
    /// Files accepted by the upload endpoint.
    pub uploads: u64,
    /// Calls that arrived with a valid key, by operation, whatever fault they met.
    pub requests: BTreeMap<String, u64>,
    /// Faults that happened, by kind; those of lines begin with `line_`.
    pub faults: BTreeMap<String, u64>,
    /// Batches created.
    pub creates: u64,
    /// Calls that read a single batch.
    pub retrieves: u64,
    /// Lines executed, whatever came of them.
    pub executed_lines: u64,
    /// Lines executed that got an answer, and so would have been charged.
    pub paid_lines: u64,
    /// How often a line with this custom id was executed.
    pub executions: BTreeMap<String, u64>,
    /// How often a line with this body was executed; the key is the SHA-256 of the body's bytes as uploaded, in
    /// hexadecimal.
    pub bodies: BTreeMap<String, BodyExecutions>,
    /// How many batches were created with each value of the metadata key `batch_gpt_key`.
    pub batches_by_key: BTreeMap<String, u64>,
    /// Events that were sent when batches ended.
    pub webhooks: WebhookCounts,
    /// All batches in the order of creation.
    pub batches: Vec<BatchEntry>,
}

/// How often one request body was executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BodyExecutions {
    /// Executions, whatever came of them.
    pub executed: u64,
    /// Executions that got an answer.
    pub paid: u64,
}

/// What became of the events about batches that ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WebhookCounts {
    /// Requests sent to the receiver.
    pub attempts: u64,
    /// Events it took; one that is delivered twice on purpose counts twice.
    pub delivered: u64,
    /// Events it did not take however often they were tried.
    pub given_up: u64,
}

/// One batch in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BatchEntry {
    /// The id of the batch.
    pub id: String,
    /// The model its lines ask for; none until validation ended.
    pub model: Option<String>,
    /// The endpoint it was created for.
    pub endpoint: String,
    /// Lines of its input file; 0 until validation ended.
    pub lines: usize,
    /// Its present status.
    pub status: String,
    /// The metadata it was created with.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// The counters behind a [`LedgerReport`].
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) uploads: u64,
    pub(crate) creates: u64,
    pub(crate) retrieves: u64,
    pub(crate) webhooks: WebhookCounts,
    requests: BTreeMap<&'static str, u64>,
    faults: BTreeMap<String, u64>,
    executed_lines: u64,
    paid_lines: u64,
    executions: HashMap<String, u64>,
    bodies: HashMap<BodyHash, BodyExecutions>,
}

impl Ledger {
    /// Enters a call.
    pub(crate) fn count_request(&mut self, call: Operation) {
        *self.requests.entry(call.name()).or_default() += 1;
    }

    /// Enters a fault that happened.
    pub(crate) fn count_fault(&mut self, kind: &str) {
        match self.faults.get_mut(kind) {
            Some(count) => *count += 1,
            None => {
                self.faults.insert(kind.to_owned(), 1);
            }
        }
    }

    /// Enters the lines of one execution.
    pub(crate) fn record(&mut self, lines: Vec<ExecutedLine>) {
        for line in lines {
            let paid = u64::from(line.paid);
            if let Some(fault) = line.fault {
                self.count_fault(fault.entry());
            }
            self.executed_lines += 1;
            self.paid_lines += paid;
            *self.executions.entry(line.custom_id).or_default() += 1;
            let body = self.bodies.entry(line.body).or_default();
            body.executed += 1;
            body.paid += paid;
        }
    }

    /// The counters together with the given batches.
    pub(crate) fn report(&self, batches: Vec<BatchEntry>) -> LedgerReport {
        let mut batches_by_key = BTreeMap::new();
        let keys = batches.iter().filter_map(|batch| batch.metadata.as_ref()?.get(KEY));
        for key in keys {
            *batches_by_key.entry(key.clone()).or_default() += 1;
        }
        let hexadecimal = |hash: &BodyHash| hash.iter().map(|byte| format!("{byte:02x}")).collect();
        LedgerReport {
            uploads: self.uploads,
            creates: self.creates,
            retrieves: self.retrieves,
            requests: self.requests.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
            faults: self.faults.clone(),
            executed_lines: self.executed_lines,
            paid_lines: self.paid_lines,
            executions: self.executions.iter().map(|(id, count)| (id.clone(), *count)).collect(),
            bodies: self.bodies.iter().map(|(hash, count)| (hexadecimal(hash), *count)).collect(),
            batches_by_key,
            webhooks: self.webhooks,
            batches,
        }
    }
}
