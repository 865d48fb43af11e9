//! One batch upstream: how it goes, what its lines come to, and what its files say.

use batch_gpt_actors::rules::{
    ids::{BatchKey, FileId, RequestId},
    upstream_batch::UpstreamBatch,
};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::op::{Fate, Plan, Quirk, Refusal};

/// Milliseconds from a cancellation to its end.
const CANCELLING: u64 = 5_000;
/// Milliseconds that a validation takes at most.
const VALIDATION: u64 = 10_000;

#[derive(Debug, Clone)]
pub struct Line {
    pub id: RequestId,
    /// The number in its prompt.
    pub prompt: u8,
    pub body: Bytes,
}

#[derive(Debug)]
pub struct Job {
    pub name: String,
    pub key: BatchKey,
    pub file: FileId,
    pub lines: Vec<Line>,
    pub created: u64,
    pub plan: Plan,
    /// Lines that fail the validation, from 0, and whether the batch names them.
    pub poisoned: Vec<usize>,
    pub named: bool,
    pub cancelled: Option<u64>,
    pub end: Option<End>,
}

#[derive(Debug, Default)]
pub struct End {
    pub at: u64,
    pub status: &'static str,
    pub output: Vec<String>,
    pub errors: Vec<String>,
    /// `errors.data`
    pub blame: Vec<Value>,
}

/// How a batch ends.
pub enum Ending {
    /// So many of its lines are done, from the first one. The others stand in the error file with this code, if any.
    Executed { status: &'static str, done: usize, code: Option<&'static str> },
    /// None is.
    Refused { blame: Vec<Value>, unexplained: bool },
}

impl Job {
    fn fails(&self) -> bool {
        !self.poisoned.is_empty() || matches!(self.plan.fate, Fate::Fails(_))
    }

    /// Whether it never ends, whatever is done.
    pub fn is_deaf(&self) -> bool {
        !self.fails() && self.plan.fate == Fate::Stuck { deaf: true }
    }

    fn ends_by_itself(&self) -> Option<u64> {
        let takes = u64::from(self.plan.takes) * 1000;
        match self.plan.fate {
            _ if self.fails() => Some(self.created + takes.min(VALIDATION)),
            Fate::Stuck { .. } => None,
            _ => Some(self.created + takes),
        }
    }

    pub fn ends_at(&self) -> Option<u64> {
        match (self.ends_by_itself(), self.cancelled.filter(|_| !self.is_deaf())) {
            (Some(end), Some(cancelled)) if end > cancelled => Some(cancelled + CANCELLING),
            (None, Some(cancelled)) => Some(cancelled + CANCELLING),
            (end, _) => end,
        }
    }

    pub fn ending(&self) -> Ending {
        let all = self.lines.len();
        if self.ends_at() != self.ends_by_itself() {
            let takes = u64::from(self.plan.takes) * 1000;
            let late = self.cancelled.is_some_and(|at| at - self.created > takes / 2);
            let done = if late && !matches!(self.plan.fate, Fate::Stuck { .. }) && !self.fails() {
                all.div_ceil(2)
            } else {
                0
            };
            return Ending::Executed { status: "cancelled", done, code: None };
        }
        if !self.poisoned.is_empty() {
            return Ending::Refused { blame: self.blame(), unexplained: !self.named };
        }
        match self.plan.fate {
            Fate::Completes | Fate::Stuck { .. } => {
                Ending::Executed { status: "completed", done: all, code: None }
            }
            Fate::Expires { done, told } => {
                let code = told.then_some("batch_expired");
                Ending::Executed { status: "expired", done: all.min(done.into()), code }
            }
            Fate::Cancelled { done } => {
                Ending::Executed { status: "cancelled", done: all.min(done.into()), code: None }
            }
            Fate::Fails(refusal) => Ending::Refused {
                blame: vec![self.refusal(refusal)],
                unexplained: refusal == Refusal::Unexplained,
            },
        }
    }

    fn blame(&self) -> Vec<Value> {
        if !self.named {
            return vec![
                json!({ "code": "invalid_request", "message": "Some line is wrong.", "line": null }),
            ];
        }
        let blame = |line: &usize| {
            let message = "This line is not parseable as valid JSON.";
            json!({ "code": "invalid_json_line", "message": message, "line": line + 1, "param": null })
        };
        self.poisoned.iter().map(blame).collect()
    }

    fn refusal(&self, refusal: Refusal) -> Value {
        match refusal {
            Refusal::Unexplained => json!({ "code": "server_error", "message": "Something is wrong." }),
            Refusal::FileNotFound => json!({
                "code": "invalid_request",
                "message": format!("Cannot find file {}, or organization org-1 does not have access to it.", self.file),
                "line": null,
                "param": "file_id",
            }),
            Refusal::TokenLimit => json!({
                "code": "token_limit_exceeded",
                "message": "Enqueued token limit reached for x in organization org-1. Limit: 1000 enqueued tokens. \
                            Please try again once some in_progress batches have been completed.",
                "line": null,
            }),
        }
    }

    /// Whether the upstream does not show it yet.
    pub fn is_hidden(&self, now: u64) -> bool {
        matches!(self.plan.quirk, Quirk::Hidden { secs } if now < self.created + u64::from(secs) * 1000)
    }

    fn shown_end(&self, now: u64) -> Option<&End> {
        self.end.as_ref().filter(|end| match self.plan.quirk {
            Quirk::Stale { secs } => now >= end.at + u64::from(secs) * 1000,
            _ => true,
        })
    }

    pub fn describe(&self, now: u64) -> UpstreamBatch {
        let end = self.shown_end(now);
        let status = match end {
            Some(end) => end.status,
            None if self.cancelled.is_some() => "cancelling",
            None if self.plan.quirk == Quirk::NewWord => "reviewing",
            None if now < self.created + 1_000 => "validating",
            None => "in_progress",
        };
        let file = |lines: fn(&End) -> &Vec<String>, name: &str| match end {
            Some(end) if !lines(end).is_empty() => json!(format!("{name}-{}", self.name)),
            Some(_) => json!(""),
            None => Value::Null,
        };
        let object = json!({
            "id": self.name,
            "status": status,
            "created_at": self.created / 1000,
            "input_file_id": self.file,
            "output_file_id": file(|end| &end.output, "output"),
            "error_file_id": file(|end| &end.errors, "error"),
            "errors": end.map(|end| json!({ "data": end.blame })),
            "metadata": { "batch_gpt_key": self.key },
        });
        UpstreamBatch::parse(&object.to_string()).unwrap()
    }

    /// A result file as it stands now.
    pub fn content(&self, name: &str, now: u64) -> Option<Bytes> {
        let end = self.end.as_ref()?;
        let lines = if name == "output" { &end.output } else { &end.errors };
        let late =
            matches!(self.plan.quirk, Quirk::LateLines { secs } if now < end.at + u64::from(secs) * 1000);
        let written = &lines[..lines.len() - usize::from(late && !lines.is_empty())];
        Some(written.concat().into())
    }
}
