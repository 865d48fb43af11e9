//! Pairing: every request of a batch gets exactly one outcome, whatever the files hold.
//!
//! A line counts by what it says, never by the file it stands in (contract, section 3.3): servers put failures into
//! the output file, and success into neither.

use std::{borrow::Cow, collections::HashSet};

use bytes::Bytes;
use foldhash::HashMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    ids::RequestId,
    leftover::Attempts,
    outcome::{ApiError, Origin, Outcome},
    upstream_batch::{BatchStatus, UpstreamBatch},
};

/// What was odd about a batch's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Oddities {
    /// Lines for a request that had its outcome already; the first one stands.
    pub duplicate: u64,
    /// Lines for a request that is none of this batch.
    pub unknown: u64,
    /// Lines that are no result line.
    pub malformed: u64,
}

/// Collects a batch's results line by line.
#[derive(Debug)]
pub struct Pairing {
    requests: HashMap<RequestId, Standing>,
    oddities: Oddities,
}

/// How a request of the batch stands.
#[derive(Debug)]
enum Standing {
    /// No line settled it; perhaps one reported a failure that a later batch may mend.
    Open(Option<Outcome>),
    /// It has its outcome, or is given back.
    Answered,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    custom_id: Cow<'a, str>,
    #[serde(borrow, default)]
    response: Option<Response<'a>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(default)]
    status_code: i64,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct LineFailure {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// How requests end that no line settled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ends {
    /// These have their outcome.
    pub answered: Vec<(RequestId, Outcome)>,
    /// These may be sent again; each with the number of its sendings so far.
    pub returned: Vec<(RequestId, u32)>,
}

/// What a line says of its request.
enum Verdict {
    /// The end of it.
    Final(Outcome),
    /// A failure that may be mended by sending it again.
    Passing(Outcome),
}

impl Pairing {
    /// Awaits an outcome for each of these requests, save for those that have one already.
    pub fn new(requests: &[RequestId], answered: &HashSet<RequestId>) -> Self {
        let standing = |id: &RequestId| match answered.contains(id) {
            true => Standing::Answered,
            false => Standing::Open(None),
        };
        let requests = requests.iter().map(|id| (*id, standing(id))).collect();
        Self { requests, oddities: Oddities::default() }
    }

    /// Takes one line of either file; gives the outcome if the line settles a request.
    pub fn take(&mut self, line: &Bytes) -> Option<(RequestId, Outcome)> {
        if line.trim_ascii().is_empty() {
            return None;
        }
        let Ok(parsed) = serde_json::from_slice::<Line<'_>>(line) else {
            self.oddities.malformed += 1;
            return None;
        };
        let known = parsed.custom_id.parse::<RequestId>().ok();
        let Some((id, standing)) = known.and_then(|id| Some((id, self.requests.get_mut(&id)?))) else {
            self.oddities.unknown += 1;
            return None;
        };
        let Standing::Open(failure) = standing else {
            self.oddities.duplicate += 1;
            return None;
        };
        match verdict(line, &parsed) {
            Some(Verdict::Final(outcome)) => {
                *standing = Standing::Answered;
                return Some((id, outcome));
            }
            Some(Verdict::Passing(outcome)) => {
                failure.get_or_insert_with(|| detached(outcome));
            }
            None => {
                self.oddities.malformed += 1;
                failure.get_or_insert_with(|| lost("The upstream's result for this request makes no sense."));
            }
        }
        None
    }

    /// How many requests no line has spoken of.
    pub fn missing(&self) -> usize {
        self.requests.values().filter(|standing| matches!(standing, Standing::Open(None))).count()
    }

    /// Ends the reading of a batch: a request that no line settled is given back, unless this was the last of the
    /// `most` times that it may be sent; then it gets the failure that the files told, or one that says there is none.
    /// `requests` are the batch's, in the order of its lines.
    pub fn finish(
        &mut self,
        batch: &UpstreamBatch,
        requests: &[RequestId],
        attempts: &Attempts,
        most: u32,
    ) -> Ends {
        let unanswered = unanswered(batch);
        let mut ends = Ends::default();
        for id in requests {
            let Some(standing @ Standing::Open(_)) = self.requests.get_mut(id) else {
                continue;
            };
            let failure = std::mem::replace(standing, Standing::Answered);
            let sent = attempts.of(id).saturating_add(1);
            match failure {
                _ if sent < most => ends.returned.push((*id, sent)),
                Standing::Open(Some(failure)) => ends.answered.push((*id, failure)),
                _ => ends.answered.push((*id, unanswered.clone())),
            }
        }
        ends
    }

    /// The requests without an outcome, in the order of `requests`; they are given back.
    pub fn give_back(&mut self, requests: &[RequestId], attempts: &Attempts) -> Vec<(RequestId, u32)> {
        let mut open = |id: &RequestId| match self.requests.get_mut(id) {
            Some(standing @ Standing::Open(_)) => {
                *standing = Standing::Answered;
                true
            }
            _ => false,
        };
        requests.iter().filter(|id| open(id)).map(|id| (*id, attempts.of(id))).collect()
    }

    /// Gives every request without an outcome this one.
    pub fn refuse(&mut self, outcome: &Outcome) -> Vec<(RequestId, Outcome)> {
        let settled = self.requests.iter_mut().filter_map(|(id, standing)| match standing {
            Standing::Answered => None,
            Standing::Open(_) => {
                *standing = Standing::Answered;
                Some((*id, outcome.clone()))
            }
        });
        settled.collect()
    }

    /// Keeps of these outcomes the ones whose request has none yet.
    pub fn admit(&mut self, outcomes: Vec<(RequestId, Outcome)>) -> Vec<(RequestId, Outcome)> {
        let fresh = |(id, _): &(RequestId, Outcome)| match self.requests.get_mut(id) {
            Some(standing @ Standing::Open(_)) => {
                *standing = Standing::Answered;
                true
            }
            _ => false,
        };
        outcomes.into_iter().filter(fresh).collect()
    }

    /// Forgets what lines said of these requests.
    pub fn reopen(&mut self, ids: &[RequestId]) {
        for id in ids {
            if let Some(standing) = self.requests.get_mut(id) {
                *standing = Standing::Open(None);
            }
        }
    }

    /// What was odd so far.
    pub fn oddities(&self) -> Oddities {
        self.oddities
    }
}

/// Held until the batch is read, it would keep everything that arrived with its line in memory.
fn detached(outcome: Outcome) -> Outcome {
    Outcome { body: Bytes::copy_from_slice(&outcome.body), ..outcome }
}

fn verdict(line: &Bytes, parsed: &Line<'_>) -> Option<Verdict> {
    let Some(response) = &parsed.response else {
        return parsed.error.map(line_failure);
    };
    let body = response.body?;
    let status = u16::try_from(response.status_code).ok()?;
    let outcome = Outcome { status, body: line.slice_ref(body.get().as_bytes()), origin: Origin::Upstream };
    match status {
        200..300 if body.get().starts_with('{') => Some(Verdict::Final(outcome)),
        0 => Some(Verdict::Passing(lost("The upstream did not execute the request."))),
        // Either would have clients send again what has come to its end (contract, section 5.1).
        408 | 409 => Some(Verdict::Passing(Outcome { status: 502, ..outcome })),
        429 | 500..600 => Some(Verdict::Passing(outcome)),
        400..500 => Some(Verdict::Final(outcome)),
        _ => None,
    }
}

/// A line without a response: the upstream's own words for why there is none (contract, section 3.3, 2).
fn line_failure(error: &RawValue) -> Verdict {
    let failure =
        serde_json::from_str::<LineFailure>(error.get()).unwrap_or(LineFailure { code: None, message: None });
    let code = failure.code.unwrap_or_else(|| "batch_line_failed".into());
    let status = match code.as_str() {
        "batch_expired" | "request_timeout" => 504,
        _ => 502,
    };
    let message = failure.message.unwrap_or_else(|| "The upstream gave no response for this request.".into());
    let outcome = Outcome::gateway(status, &ApiError::new("server_error", Some(&code), message));
    Verdict::Passing(outcome)
}

fn lost(message: &str) -> Outcome {
    Outcome::gateway(502, &ApiError::new("server_error", Some("batch_result_missing"), message))
}

fn unanswered(batch: &UpstreamBatch) -> Outcome {
    let made = |status, code: &str, message: String| {
        Outcome::gateway(status, &ApiError::new("server_error", Some(code), message))
    };
    match batch.status {
        BatchStatus::Expired => made(
            504,
            "batch_expired",
            format!("Batch {} expired before this request was executed.", batch.id),
        ),
        BatchStatus::Cancelled => made(
            502,
            "batch_cancelled",
            format!("Batch {} was cancelled before this request was executed.", batch.id),
        ),
        _ => lost("The batch ended without a result for this request."),
    }
}
