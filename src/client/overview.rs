//! The gateway's own numbers at a glance.

use serde_json::Value;

use crate::terminal::wording::printable;

/// States of requests in `GET /v1/overview`, in the order in which a request comes through them.
const STATES: [&str; 5] = ["open", "waiting", "in_batch", "answered", "failed"];

/// What `GET /v1/overview` tells, as far as a row has room for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// How many requests are in which state, in the gateway's own words.
    pub requests: Vec<(String, u64)>,
    /// What batches cost less than calls in real time, in billionths of a dollar; `None` if a price is unknown.
    pub saved: Option<u64>,
    /// The time within which half of the batches came to their end, in seconds.
    pub turnaround: Option<u64>,
    /// Time until the next window closes, in seconds.
    pub window_left: Option<u64>,
    /// What somebody should see to.
    pub problems: Vec<String>,
}

impl Overview {
    /// Reads what the gateway tells; `None` if it counts no requests there.
    pub fn parse(json: &str) -> Option<Self> {
        let overview: Value = serde_json::from_str(json).ok()?;
        let count = |state: &&str| Some((state.replace('_', " "), overview["requests"][state].as_u64()?));
        let requests: Vec<_> = STATES.iter().filter_map(count).collect();
        if requests.is_empty() {
            return None;
        }
        let lanes = list(&overview["lanes"]);
        let problems = list(&overview["problems"]);
        Some(Self {
            requests,
            saved: overview["spending"]["saved_nano_dollars"].as_u64(),
            turnaround: overview["turnaround"]["batch"]["p50_seconds"].as_f64().map(|seconds| seconds as u64),
            window_left: lanes
                .filter_map(|lane| lane["window_left_ms"].as_u64())
                .min()
                .map(|left| left / 1_000),
            problems: problems.filter_map(|problem| problem["message"].as_str().map(printable)).collect(),
        })
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overview_with_everything_and_one_with_hardly_anything_are_read() {
        let all = Overview::parse(
            r#"{"requests":{"failed":1,"in_batch":7,"open":3,"accepted":11},"spending":{"saved_nano_dollars":5},
            "turnaround":{"batch":{"p50_seconds":61.5}},"problems":[{"kind":"store_down","message":"Ouch\n"}],
            "lanes":[{"window_left_ms":null},{"window_left_ms":4200},{"window_left_ms":9000}]}"#,
        );
        let requests = [("open", 3), ("in batch", 7), ("failed", 1)];
        let expected = Overview {
            requests: requests.map(|(state, count)| (state.to_owned(), count)).into(),
            saved: Some(5),
            turnaround: Some(61),
            window_left: Some(4),
            problems: vec!["Ouch\u{fffd}".into()],
        };
        assert_eq!(all, Some(expected));
        assert_eq!(Overview::parse(r#"{"requests":{"open":0}}"#).unwrap().saved, None);
        assert_eq!(Overview::parse(r#"{"object":"overview"}"#), None);
        assert_eq!(Overview::parse("<html>"), None);
    }
}
