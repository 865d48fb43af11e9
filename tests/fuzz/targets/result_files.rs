use std::collections::{BTreeMap, HashSet};

use batch_gpt_actors::rules::{
    ids::RequestId,
    leftover::Attempts,
    lines::Lines,
    outcome::{Origin, Outcome},
    results::Pairing,
    upstream_batch::UpstreamBatch,
};
use bytes::Bytes;
use serde_json::Value;

/// Sendings after which a failure is final.
const MOST: u32 = 2;

/// A result file: cut into lines wherever the pieces end, and exactly one end for each request of the batch.
pub fn result_files(data: &[u8]) {
    let [first, second, file @ ..] = data else { return };
    let lines = cut(file, usize::from(*first).max(1), usize::from(*second).max(1));
    let naive: Vec<&[u8]> = file.split(|byte| *byte == b'\n').collect();
    let (last, whole) = naive.split_last().unwrap();
    let last = (!last.is_empty()).then_some(*last);
    assert!(lines.iter().map(|line| &line[..]).eq(whole.iter().copied().chain(last)));
    pair(&lines);
}

/// The file in pieces of these two lengths in turn, and the lines that come of it.
fn cut(file: &[u8], one: usize, two: usize) -> Vec<Bytes> {
    let (mut reader, mut lines, mut rest, mut size) = (Lines::default(), Vec::new(), file, one);
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(size.min(rest.len()));
        reader.push(Bytes::copy_from_slice(piece));
        lines.extend(std::iter::from_fn(|| reader.next_line()));
        assert!(reader.held() <= file.len());
        (rest, size) = (behind, if size == one { two } else { one });
    }
    lines.extend(reader.finish());
    lines
}

fn pair(lines: &[Bytes]) {
    let requests: Vec<RequestId> = (1..=4).map(RequestId).collect();
    let mut pairing = Pairing::new(&requests, &HashSet::from([RequestId(4)]));
    let mut settled = BTreeMap::new();
    for line in lines {
        let outcome = pairing.take(line);
        if let Some((id, outcome)) = &outcome {
            assert!((1..=3).contains(&id.0), "{id} is a stranger, or had its outcome before");
            is_told_by(line, *id, outcome);
            assert!(settled.insert(*id, outcome.clone()).is_none(), "{id} is settled twice");
        }
        if let Some((id, status)) = plain_success(line) {
            let known = (1..=3).contains(&id.0);
            assert!(!known || settled.contains_key(&id), "{id} was answered with {status}");
        }
    }
    assert!(pairing.missing() + settled.len() <= 3);
    let batch = UpstreamBatch::parse(r#"{"id":"batch_1","status":"completed"}"#).unwrap();
    let attempts: Attempts = [(RequestId(1), 1)].into_iter().collect();
    let ends = pairing.finish(&batch, &requests, &attempts, MOST);
    let ended = ends.answered.iter().map(|(id, _)| *id).chain(ends.returned.iter().map(|(id, _)| *id));
    let mut all: Vec<RequestId> = settled.keys().copied().chain(ended).collect();
    all.sort();
    assert_eq!(all, requests[..3], "each request ends once");
    for (_, outcome) in &ends.answered {
        is_sound(outcome);
    }
    assert!(ends.returned.iter().all(|(_, sent)| *sent < MOST));
}

fn is_sound(outcome: &Outcome) {
    assert!((200..600).contains(&outcome.status), "{}", outcome.status);
    assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&outcome.body).is_ok());
}

/// An outcome of a line is its own: its request, its status, and its body byte for byte.
fn is_told_by(line: &Bytes, id: RequestId, outcome: &Outcome) {
    is_sound(outcome);
    assert_eq!(outcome.origin, Origin::Upstream);
    assert!(line.windows(outcome.body.len().max(1)).any(|window| window == outcome.body));
    if let Ok(value) = serde_json::from_slice::<Value>(line) {
        assert_eq!(value["custom_id"], id.to_string());
        assert_eq!(value["response"]["status_code"], outcome.status);
        assert_eq!(value["response"]["body"], serde_json::from_slice::<Value>(&outcome.body).unwrap());
    }
}

/// The request that a line without any doubt answers: each member that counts stands there once.
fn plain_success(line: &Bytes) -> Option<(RequestId, u64)> {
    let text = std::str::from_utf8(line).ok()?;
    let once = ["custom_id", "response", "status_code", "body", "error"];
    if once.iter().any(|name| text.matches(name).count() > 1) || text.contains('\\') {
        return None;
    }
    let value: Value = serde_json::from_str(text).ok()?;
    let id = value["custom_id"].as_str()?.parse().ok()?;
    let status = value["response"]["status_code"].as_u64().filter(|status| (200..300).contains(status))?;
    value["response"]["body"].is_object().then_some((id, status))
}
