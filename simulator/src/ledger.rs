//! The account of what was executed.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::execution::ExecutedLine;

/// What the simulator did so far; the proof that a client paid for each request once.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LedgerReport {
    /// Files accepted by the upload endpoint.
    pub uploads: u64,
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
    executed_lines: u64,
    paid_lines: u64,
    executions: HashMap<String, u64>,
    bodies: HashMap<[u8; 32], BodyExecutions>,
}

impl Ledger {
    /// Enters the lines of one execution.
    pub(crate) fn record(&mut self, lines: Vec<ExecutedLine>) {
        for line in lines {
            let paid = u64::from(line.paid);
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
        let hexadecimal = |hash: &[u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect();
        LedgerReport {
            uploads: self.uploads,
            creates: self.creates,
            retrieves: self.retrieves,
            executed_lines: self.executed_lines,
            paid_lines: self.paid_lines,
            executions: self
                .executions
                .iter()
                .map(|(id, count)| (id.clone(), *count))
                .collect(),
            bodies: self
                .bodies
                .iter()
                .map(|(hash, count)| (hexadecimal(hash), *count))
                .collect(),
            batches,
        }
    }
}
