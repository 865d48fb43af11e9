//! Running the lines of a batch.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::faults::Faults;
use crate::identifier::Identifiers;
use crate::inference::{Context, Failure, Inference};
use crate::knobs::Knobs;
use crate::line::InputLine;
use crate::line_fault::LineFault;
use crate::mishap::{Mishap, Odds, hash_of};
use crate::parameter;
use crate::plan::{Plan, PlannedLine};
use crate::result_line::{Ending, Reason, ResultLine, TIMED_OUT};
use crate::tries::{BodyHash, Tries};
use crate::usage::Tokens;

/// One batch about to be executed, wholly or up to the moment it was stopped.
pub(crate) struct Execution {
    pub(crate) plan: Arc<Plan>,
    /// How many lines are executed; the rest is written off.
    pub(crate) count: usize,
    /// Why the rest is not executed.
    pub(crate) written_off: Reason,
    pub(crate) knobs: Knobs,
    pub(crate) faults: Faults,
    /// The number of the batch, on which the faults of its lines depend.
    pub(crate) batch: usize,
    pub(crate) seed: u64,
    /// Creation time of the answers, seconds since the Unix epoch.
    pub(crate) created: u64,
}

/// Everything an execution leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) output: Bytes,
    pub(crate) error: Bytes,
    pub(crate) completed: usize,
    pub(crate) failed: usize,
    pub(crate) tokens: Tokens,
    pub(crate) executed: Vec<ExecutedLine>,
}

/// What the ledger needs to know about an executed line.
#[derive(Debug)]
pub(crate) struct ExecutedLine {
    pub(crate) custom_id: String,
    /// SHA-256 of the body's bytes as uploaded.
    pub(crate) body: BodyHash,
    /// Whether the line got an answer, which is what costs money.
    pub(crate) paid: bool,
    /// How its result was spoilt.
    pub(crate) fault: Option<LineFault>,
}

/// Result files under construction, with room for the body of the next line.
#[derive(Default)]
struct Files {
    output: Vec<u8>,
    error: Vec<u8>,
    body: Vec<u8>,
}

impl Execution {
    /// Executes the lines; pure but for the ids it draws and the executions it counts.
    pub(crate) fn run(&self, identifiers: &Identifiers, tries: &Tries) -> Results {
        let mut results = Results::default();
        let mut files = Files::default();
        let mut number = identifiers.reserve(2 * self.plan.lines.len() as u64);
        let mut ids = || {
            number += 2;
            (
                identifiers.render("batch_req_", number - 2),
                identifiers.render(self.request_prefix(), number - 1),
            )
        };
        for line in self.plan.first(self.count) {
            if let Err(cause) = self.execute(line, ids(), tries, &mut files, &mut results) {
                log::error!("a result line could not be written: {cause}");
            }
        }
        for line in self.plan.rest(self.count) {
            let (id, request_id) = ids();
            let parsed = InputLine::parse(self.plan.text(line));
            let custom_id = parsed.and_then(|line| line.custom_id).map_or("null", |raw| raw.get());
            let ending = Ending::NoResponse(self.written_off);
            let line = ResultLine { id, request_id, custom_id, ending };
            if let Err(cause) = line.write(&self.knobs, &mut files.error) {
                log::error!("a result line could not be written: {cause}");
            }
        }
        if self.knobs.omit_final_newline {
            files.output.pop();
            files.error.pop();
        }
        results.output = files.output.into();
        results.error = files.error.into();
        results
    }

    fn execute(
        &self,
        line: &PlannedLine,
        (id, request_id): (String, String),
        tries: &Tries,
        files: &mut Files,
        results: &mut Results,
    ) -> serde_json::Result<()> {
        // Validation parsed the same bytes, so neither the line nor these members can be missing here.
        let Some(input) = InputLine::parse(self.plan.text(line)) else {
            return Ok(());
        };
        let (Some(raw_id), Some(body)) = (input.custom_id, input.body) else {
            return Ok(());
        };
        let custom_id = parameter::as_text(raw_id).unwrap_or(Cow::Borrowed(raw_id.get()));
        let hash = hash_of(body);

        files.body.clear();
        let (fault, answered) = self.answer(&custom_id, body, &hash, tries, &mut files.body)?;
        let paid = answered.is_ok() && !fault.is_some_and(LineFault::fails);
        if paid {
            results.completed += 1;
        } else {
            results.failed += 1;
        }
        let (request_id, ending) = match answered {
            Ok(tokens) => {
                if paid {
                    results.tokens.add(tokens);
                }
                (request_id, Ending::Response { status: 200, body: &files.body })
            }
            Err(Failure::Refused(error)) => {
                serde_json::to_writer(&mut files.body, &error.body())?;
                (request_id, Ending::Response { status: error.status().as_u16(), body: &files.body })
            }
            Err(Failure::StatusZero) => (String::new(), Ending::Response { status: 0, body: b"{}" }),
            Err(Failure::Timeout) => (request_id, Ending::NoResponse(TIMED_OUT)),
        };
        let line = ResultLine { id, request_id, custom_id: raw_id.get(), ending };
        let successful = matches!(line.ending, Ending::Response { status: 200, .. });
        let file = if successful || fault == Some(LineFault::Misfiled) {
            &mut files.output
        } else {
            &mut files.error
        };
        match fault {
            Some(fault) => fault.write(&line, &self.knobs, file)?,
            None => line.write(&self.knobs, file)?,
        }
        results.executed.push(ExecutedLine { custom_id: custom_id.into_owned(), body: hash, paid, fault });
        Ok(())
    }

    /// What the model makes of one line, with the answer in `out`, and what went wrong with it.
    fn answer(
        &self,
        custom_id: &str,
        body: &RawValue,
        hash: &BodyHash,
        tries: &Tries,
        out: &mut Vec<u8>,
    ) -> serde_json::Result<(Option<LineFault>, Result<Tokens, Failure>)> {
        let request = match Inference::read(self.plan.endpoint, body) {
            Ok(request) => request,
            Err(error) => return Ok((None, Err(Failure::Refused(error)))),
        };
        let odds =
            Odds { seed: self.seed, batch: self.batch, knobs: &self.knobs, faults: &self.faults, tries };
        let fault = match odds.meet(&request, custom_id, hash) {
            Some(Mishap::Failure(failure)) => return Ok((None, Err(failure))),
            Some(Mishap::Fault(fault)) => Some(fault),
            None => None,
        };
        if let Some(failure) = fault.and_then(LineFault::failure) {
            return Ok((fault, Err(failure)));
        }
        let context =
            Context { created: self.created, hash: answer_hash(custom_id, hash), knobs: &self.knobs };
        Ok((fault, Ok(request.write(&context, out)?)))
    }

    fn request_prefix(&self) -> &'static str {
        if self.knobs.bare_request_ids { "" } else { "req_" }
    }
}

/// The part of an answer's id that depends on the question and on who asked.
fn answer_hash(custom_id: &str, body: &BodyHash) -> String {
    let digest = Sha256::new().chain_update(custom_id).chain_update(body).finalize();
    digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}
