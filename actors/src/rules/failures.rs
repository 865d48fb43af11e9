//! Which errors requests ended with, counted by status and code.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use super::outcome::Outcome;

/// Most kinds that are counted apart: an upstream may write what it likes.
const KINDS: usize = 20;
/// Longest code that is taken for one, in bytes.
const LONGEST_CODE: usize = 64;
/// What stands for every code that is none, or one too many.
const OTHER: &str = "other";

/// Counts of errors. They hold codes, never messages: those may quote what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failures(BTreeMap<(u16, String), u64>);

/// One kind of error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// HTTP status.
    pub status: u16,
    /// The error's `code`, or its `type` where it has none; `other` if neither is a word.
    pub code: String,
    /// How many requests ended with it.
    pub count: u64,
}

#[derive(Deserialize)]
struct Body {
    error: Wire,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    code: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

impl Failures {
    /// Counts the outcome of a request that failed.
    pub fn add(&mut self, outcome: &Outcome) {
        let mut kind = (outcome.status, code(&outcome.body));
        if self.0.len() >= KINDS && !self.0.contains_key(&kind) {
            kind.1 = OTHER.into();
        }
        *self.0.entry(kind).or_default() += 1;
    }

    /// All of them, the most frequent first.
    pub fn list(&self) -> Vec<Failure> {
        let failure = |((status, code), count): (&(u16, String), &u64)| Failure {
            status: *status,
            code: code.clone(),
            count: *count,
        };
        let mut list: Vec<_> = self.0.iter().map(failure).collect();
        list.sort_by_key(|failure| Reverse(failure.count));
        list
    }
}

fn code(body: &[u8]) -> String {
    let word = |text: &String| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        (1..=LONGEST_CODE).contains(&text.len()) && text.bytes().all(fits)
    };
    let error = serde_json::from_slice::<Body>(body).map(|body| body.error).ok();
    let code = error.and_then(|error| error.code.filter(word).or(error.kind.filter(word)));
    code.unwrap_or_else(|| OTHER.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::outcome::Origin;

    fn failed(status: u16, body: &str) -> Outcome {
        Outcome { status, body: body.to_owned().into(), origin: Origin::Upstream }
    }

    #[test]
    fn errors_are_counted_by_status_and_code_and_the_most_frequent_comes_first() {
        let mut failures = Failures::default();
        for body in [
            r#"{"error":{"message":"m","type":"server_error","code":null}}"#,
            r#"{"error":{"message":"m","type":"t","code":"content_filter"}}"#,
            r#"{"error":{"message":"m","type":"t","code":"content_filter"}}"#,
            r#"{"error":{"code":"a secret, quoted"}}"#,
            "no JSON",
        ] {
            failures.add(&failed(400, body));
        }
        let list = failures.list();
        let told: Vec<_> = list.iter().map(|failure| (failure.code.as_str(), failure.count)).collect();
        assert_eq!(told, [("content_filter", 2), ("other", 2), ("server_error", 1)]);
    }

    #[test]
    fn there_are_only_so_many_kinds() {
        let mut failures = Failures::default();
        for number in 0..1_000 {
            failures.add(&failed(500, &format!(r#"{{"error":{{"code":"c{number}"}}}}"#)));
        }
        let list = failures.list();
        assert_eq!((list.len(), list[0].code.as_str()), (KINDS + 1, OTHER));
        assert_eq!(list.iter().map(|failure| failure.count).sum::<u64>(), 1_000);
    }
}
