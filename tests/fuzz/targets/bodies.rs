use std::collections::HashSet;

use batch_gpt_actors::rules::{
    body::{MODERATION_MODEL, check, inputs},
    ids::RequestId,
    lane::{Endpoint, Tenant},
    lines,
};
use bytes::BytesMut;
use serde_json::{Map, Value};

/// Longest error that a client is told.
const LONGEST_ERROR: usize = 1_000;

/// What may be queued, against a parser that keeps everything.
pub fn bodies(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let endpoint = Endpoint::ALL[usize::from(first.wrapping_sub(b'0')) % Endpoint::ALL.len()];
    let value = serde_json::from_slice::<Value>(body);
    let checked = match check(endpoint, body) {
        Ok(checked) => checked,
        Err(error) => {
            let told = error.body();
            assert!(told.len() <= LONGEST_ERROR, "{} bytes of error", told.len());
            assert_eq!(serde_json::from_slice::<Value>(&told).unwrap()["error"]["message"], error.message);
            let unreadable = error.message.starts_with("We could not parse");
            assert_eq!(unreadable, value.is_err(), "{}", error.message);
            return;
        }
    };
    let Ok(Value::Object(mut expected)) = value else { panic!("what no parser takes is queued") };
    prepare(endpoint, &mut expected);
    let line: Value = serde_json::from_slice(&checked.line).unwrap();
    assert_eq!(line["model"], *checked.model);
    assert_eq!(line, Value::Object(expected));
    assert!(!checked.line.contains(&b'\n') && !checked.line.contains(&b'\r'));
    assert!(checked.line.len() <= body.len() + MODERATION_MODEL.len() + 16);
    assert_eq!(inputs(endpoint, &checked.line), checked.inputs);
    // A line is checked like a body, and nothing is left to be changed.
    let again = check(endpoint, &checked.line).unwrap();
    assert_eq!(again.line, checked.line);
    let tenant = Tenant::anonymous();
    assert_eq!(again.fingerprint(&tenant, endpoint), checked.fingerprint(&tenant, endpoint));
    is_one_line(endpoint, &checked.line);
}

/// The body without what a line must not carry, and with the model that it may leave out.
fn prepare(endpoint: Endpoint, body: &mut Map<String, Value>) {
    let removed = match endpoint {
        Endpoint::Responses => HashSet::from(["stream", "stream_options", "background"]),
        _ => HashSet::from(["stream", "stream_options"]),
    };
    body.retain(|key, _| !removed.contains(key.as_str()));
    if endpoint == Endpoint::Moderations && !body.contains_key("model") {
        body.insert("model".into(), MODERATION_MODEL.into());
    }
}

/// Written into a file and cut out of it again, the body is the same.
fn is_one_line(endpoint: Endpoint, body: &[u8]) {
    let mut file = BytesMut::new();
    lines::write(&mut file, RequestId(7), endpoint, body);
    assert_eq!(file.len() as u64, lines::overhead(endpoint) + body.len() as u64);
    let mut lines = lines::Lines::default();
    lines.push(file.freeze());
    let line: Value = serde_json::from_slice(&lines.next_line().unwrap()).unwrap();
    assert_eq!(lines.finish(), None);
    assert_eq!(line["custom_id"], RequestId(7).to_string());
    assert_eq!(line["body"], serde_json::from_slice::<Value>(body).unwrap());
}
