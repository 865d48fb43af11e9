use std::collections::{HashMap, HashSet};

use batch_gpt_actors::rules::{
    ids::RequestId,
    leftover::Attempts,
    lines::Lines,
    results::{Ends, Pairing},
    upstream_batch::UpstreamBatch,
};
use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::json;

fn batch(status: &str) -> UpstreamBatch {
    UpstreamBatch::parse(&json!({ "id": "batch_1", "status": status }).to_string()).unwrap()
}

fn requests(count: usize) -> Vec<RequestId> {
    (0..count as u128).map(|n| RequestId(n * 7 + 1)).collect()
}

/// What a line may look like; most of them name a request of the batch.
#[derive(Debug, Clone)]
enum Line {
    Success(Index),
    Status(Index, i64),
    NoResponse(Index, &'static str),
    NoBody(Index),
    Stranger(u128),
    Noise(String),
}

fn line() -> impl Strategy<Value = Line> {
    let code = prop::sample::select(vec!["batch_expired", "batch_cancelled", "request_timeout", "odd"]);
    prop_oneof![
        5 => any::<Index>().prop_map(Line::Success),
        3 => (any::<Index>(), prop_oneof![Just(0), Just(-1), 200..600i64, Just(100_000)])
            .prop_map(|(at, status)| Line::Status(at, status)),
        1 => (any::<Index>(), code).prop_map(|(at, code)| Line::NoResponse(at, code)),
        1 => any::<Index>().prop_map(Line::NoBody),
        1 => any::<u128>().prop_map(|n| Line::Stranger(n | 1 << 127)),
        1 => "[^\n]{0,30}".prop_map(Line::Noise),
    ]
}

fn print(line: &Line, ids: &[RequestId], n: usize) -> String {
    let response = |id: RequestId, status: i64| {
        json!({ "id": "batch_req_1", "custom_id": id, "error": null,
                "response": { "status_code": status, "request_id": "r", "body": { "n": n } } })
        .to_string()
    };
    match line {
        Line::Success(at) => response(*at.get(ids), 200),
        Line::Status(at, status) => response(*at.get(ids), *status),
        Line::NoResponse(at, code) => {
            json!({ "custom_id": at.get(ids), "response": null, "error": { "code": code, "message": "m" } })
                .to_string()
        }
        Line::NoBody(at) => {
            json!({ "custom_id": at.get(ids), "response": { "status_code": 200 } }).to_string()
        }
        Line::Stranger(bits) => response(RequestId(*bits), 200),
        Line::Noise(text) => text.clone(),
    }
}

proptest! {
    /// Every request gets exactly one outcome or is given back, whatever the files hold and however they are cut into pieces.
    #[test]
    fn exactly_one_end_each(
        count in 1..12usize,
        lines in vec(line(), 0..40),
        status in prop::sample::select(vec!["completed", "expired", "cancelled", "odd"]),
        cut in 1..50usize,
        last_feed: bool,
        answered in vec(any::<Index>(), 0..3),
        sent in vec(0..5u32, 12),
    ) {
        let ids = requests(count);
        let answered: HashSet<RequestId> = answered.iter().map(|at| *at.get(&ids)).collect();
        let mut text: String = lines.iter().enumerate().map(|(n, line)| print(line, &ids, n) + "\n").collect();
        if !last_feed {
            text.pop();
        }
        let mut pairing = Pairing::new(&ids, &answered);
        let mut outcomes = Vec::new();
        let mut cutter = Lines::default();
        for piece in text.as_bytes().chunks(cut) {
            cutter.push(Bytes::copy_from_slice(piece));
            while let Some(line) = cutter.next_line() {
                outcomes.extend(pairing.take(&line));
            }
        }
        if let Some(last) = cutter.finish() {
            outcomes.extend(pairing.take(&last));
        }
        let early: HashMap<RequestId, Bytes> =
            outcomes.iter().map(|(id, outcome)| (*id, outcome.body.clone())).collect();
        let attempts: Attempts = ids.iter().zip(sent).map(|(id, sent)| (*id, sent)).collect();
        let ends = pairing.finish(&batch(status), &ids, &attempts, 3);
        prop_assert!(ends.returned.iter().all(|(id, sent)| *sent == attempts.of(id) + 1 && *sent < 3));
        prop_assert!(ends.answered.iter().all(|(id, _)| attempts.of(id) >= 2));
        outcomes.extend(ends.answered);
        let nothing_is_left = pairing.finish(&batch(status), &ids, &attempts, 3);
        prop_assert_eq!(nothing_is_left, Ends::default());
        let mut got: Vec<RequestId> = outcomes.iter().map(|(id, _)| *id).collect();
        got.extend(ends.returned.iter().map(|(id, _)| *id));
        got.sort_unstable();
        let expected: Vec<RequestId> = ids.iter().copied().filter(|id| !answered.contains(id)).collect();
        prop_assert_eq!(got, expected);
        prop_assert!(outcomes.iter().all(|(_, outcome)| (200..600).contains(&outcome.status)));
        // The first line that settles a request is the one it gets.
        for (id, body) in early {
            let first = lines.iter().position(|line| match line {
                Line::Success(at) => *at.get(&ids) == id,
                Line::Status(at, status) => {
                    *at.get(&ids) == id && ((200..300).contains(status) || (400..500).contains(status) && ![408, 409, 429].contains(status))
                }
                _ => false,
            });
            prop_assert_eq!(body, json!({ "n": first.unwrap() }).to_string());
        }
    }

    #[test]
    fn lines_are_cut_where_the_line_feeds_are(lines in vec("[^\n]{0,20}", 0..20), cut in 1..30usize) {
        let text = lines.join("\n");
        let mut cutter = Lines::default();
        let mut got = Vec::new();
        for piece in text.as_bytes().chunks(cut) {
            cutter.push(Bytes::copy_from_slice(piece));
            while let Some(line) = cutter.next_line() {
                got.push(line);
            }
        }
        got.extend(cutter.finish());
        let got: Vec<String> = got.iter().map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
        let mut expected: Vec<&str> = text.split('\n').collect();
        if expected.last() == Some(&"") {
            expected.pop();
        }
        prop_assert_eq!(got, expected);
    }
}

#[test]
fn a_body_is_delivered_byte_for_byte() {
    let ids = requests(1);
    let body = r#"{"b":1.0,"a":[ 9007199254740993 ],"s":"\u00e9\/"}"#;
    let line = format!(
        r#"{{"custom_id":"{}","response":{{"status_code":200,"body":{body}}},"error":null}}"#,
        ids[0]
    );
    let (_, outcome) = Pairing::new(&ids, &HashSet::new()).take(&Bytes::from(line)).unwrap();
    assert_eq!(outcome.body, body);
}

#[test]
fn a_success_behind_a_passing_failure_counts() {
    let ids = requests(1);
    let mut pairing = Pairing::new(&ids, &HashSet::new());
    let line = |status: u16| {
        let response = json!({ "status_code": status, "body": { "status": status } });
        Bytes::from(json!({ "custom_id": ids[0], "response": response }).to_string())
    };
    assert!(pairing.take(&line(500)).is_none());
    assert_eq!(pairing.take(&line(200)).unwrap().1.status, 200);
    assert!(pairing.take(&line(200)).is_none());
    assert_eq!(pairing.oddities().duplicate, 1);
}

/// It is held until its batch is read, and the piece in which it came would be held with it.
#[test]
fn a_failure_does_not_keep_its_line_in_memory() {
    let ids = requests(1);
    let mut pairing = Pairing::new(&ids, &HashSet::new());
    let response = json!({ "status_code": 500, "body": { "error": { "message": "no" } } });
    let line = Bytes::from(json!({ "custom_id": ids[0], "response": response }).to_string());
    assert!(pairing.take(&line).is_none());
    assert!(line.is_unique(), "the failure is a part of the line");
    let ends = pairing.finish(&batch("completed"), &ids, &Attempts::default(), 0);
    assert_eq!(ends.answered[0].1.body, response["body"].to_string());
}
