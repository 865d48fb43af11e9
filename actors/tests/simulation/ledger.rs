//! What the upstream has executed, and what it owes.

use std::collections::{HashMap, HashSet, VecDeque};

use batch_gpt_actors::rules::ids::{BatchKey, RequestId};
use serde_json::json;

use crate::{
    job::{End, Ending, Job, Line},
    op::LineFault,
};

/// One request in one batch that has ended.
#[derive(Debug, Clone)]
pub struct Trial {
    pub key: BatchKey,
    pub executed: bool,
    pub result: Result,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Result {
    /// Its files hold this status and this body: the request's end.
    Answer(u16, String),
    /// The same, but a later trial may go better.
    Failure(u16, String),
    /// Its files hold nothing that could be told.
    Nothing,
    /// Its batch was refused before it was executed; whether it was to blame, as far as anybody can tell.
    Refused { blamed: bool },
}

#[derive(Default)]
pub struct Ledger {
    trials: HashMap<RequestId, Vec<Trial>>,
    faults: HashMap<u8, VecDeque<LineFault>>,
    /// Batches that the gateway was told to cancel.
    pub unwanted: HashSet<BatchKey>,
    executions: u64,
}

impl Ledger {
    pub fn spoil(&mut self, prompt: u8, fault: LineFault) {
        self.faults.entry(prompt).or_default().push_back(fault);
    }

    pub fn calm(&mut self) {
        self.faults.clear();
    }

    pub fn trials(&self, id: RequestId) -> &[Trial] {
        self.trials.get(&id).map(Vec::as_slice).unwrap_or_default()
    }

    /// Ends a batch.
    pub fn close(&mut self, job: &Job, at: u64) -> End {
        let mut end = End { at, ..End::default() };
        match job.ending() {
            Ending::Refused { blame, unexplained } => {
                end.status = "failed";
                end.blame = blame;
                for (n, line) in job.lines.iter().enumerate() {
                    let alone = unexplained && job.lines.len() == 1;
                    let blamed = alone || (job.named && job.poisoned.contains(&n));
                    self.note(job, line, false, Result::Refused { blamed });
                }
            }
            Ending::Executed { status, done, code } => {
                end.status = status;
                for (n, line) in job.lines.iter().enumerate() {
                    if n < done {
                        self.execute(job, line, &mut end);
                        continue;
                    }
                    if let Some(code) = code {
                        let error = json!({ "code": code, "message": "This request was not executed." });
                        end.errors.push(without_response(line, &error.to_string()));
                    }
                    self.note(job, line, false, Result::Nothing);
                }
                // The order of results is not the order of lines.
                end.output.reverse();
            }
        }
        end
    }

    fn note(&mut self, job: &Job, line: &Line, executed: bool, result: Result) {
        self.trials.entry(line.id).or_default().push(Trial { key: job.key, executed, result });
    }

    fn execute(&mut self, job: &Job, line: &Line, end: &mut End) {
        self.executions += 1;
        let number = self.executions;
        let answer = |n: u64| {
            let echo = std::str::from_utf8(&line.body).unwrap();
            format!(r#"{{ "id":"chatcmpl-{n}","cost":1.10e+2,"text":"\u00fc é","echo":{echo}}}"#)
        };
        let failure = |code: &str| {
            format!(
                r#"{{"error": {{"message":"failure {number}","type":"x","param":null,"code":"{code}"}}}}"#
            )
        };
        let fault = self.faults.get_mut(&line.prompt).and_then(VecDeque::pop_front);
        let (good, bad) = (answer(number), failure("some_failure"));
        let result = match fault {
            None => {
                end.output.push(with_response(line, 200, &good));
                Result::Answer(200, good)
            }
            Some(LineFault::Twice) => {
                self.executions += 1;
                // Files are read from the last line, see `close`.
                end.output.push(with_response(line, 200, &answer(self.executions)));
                end.output.push(with_response(line, 200, &good));
                Result::Answer(200, good)
            }
            Some(LineFault::Stray) => {
                let stranger = Line { id: RequestId(u128::from(number) << 96), ..line.clone() };
                end.output.push(with_response(&stranger, 200, &good));
                end.output.push("[1]\n\n".into());
                end.output.push(with_response(line, 200, &good));
                Result::Answer(200, good)
            }
            Some(LineFault::Refused) => {
                end.errors.push(with_response(line, 400, &bad));
                Result::Answer(400, bad)
            }
            Some(LineFault::Limited) => {
                end.errors.push(with_response(line, 429, &bad));
                Result::Failure(429, bad)
            }
            Some(LineFault::Broken) => {
                end.errors.push(with_response(line, 500, &bad));
                Result::Failure(500, bad)
            }
            Some(LineFault::Misplaced) => {
                end.output.push(with_response(line, 500, &bad));
                Result::Failure(500, bad)
            }
            Some(LineFault::Zero) => {
                end.errors.push(with_response(line, 0, &bad));
                Result::Nothing
            }
            Some(LineFault::TimedOut) => {
                let error = json!({ "code": "request_timeout", "message": "It took too long." });
                end.errors.push(without_response(line, &error.to_string()));
                Result::Nothing
            }
            Some(LineFault::Missing) => Result::Nothing,
            Some(LineFault::Garbled) => {
                end.output.push(format!("{}\n", &with_response(line, 200, &good)[..40]));
                Result::Nothing
            }
        };
        self.note(job, line, true, result);
    }
}

fn with_response(line: &Line, status: u16, body: &str) -> String {
    let id = line.id;
    format!(
        r#"{{"id":"batch_req_1","custom_id":"{id}","response":{{"status_code":{status},"request_id":"r","body":{body}}},"error":null}}"#
    ) + "\n"
}

fn without_response(line: &Line, error: &str) -> String {
    format!(r#"{{"id":"batch_req_1","custom_id":"{}","response":null,"error":{error}}}"#, line.id) + "\n"
}
