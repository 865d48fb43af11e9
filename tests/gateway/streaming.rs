//! Answers as a stream. The numbers are the contract's conformance cases.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{
    events,
    holding::{finish, gateway},
    process::{Gateway, PATIENCE},
    raw::{Connection, Response, chat},
    reassembly,
};

fn streamed(mut body: Value) -> Value {
    body["stream"] = json!(true);
    body
}

/// The comment that was the heartbeat, and the events behind it.
fn parts(response: &Response) -> (&str, &str) {
    assert!(response.head.starts_with("http/1.1 200 ok\r\n"), "{}", response.head);
    assert!(response.finished);
    response.text().split_once("\n\n").unwrap()
}

/// The whole stream of a body, and the answer that a plain re-send gets.
async fn both(gateway: &Gateway, body: &Value) -> (Vec<Value>, Value) {
    let response = Connection::post(gateway, &streamed(body.clone()), "").await.end().await;
    let chunks = events::chunks(parts(&response).1.as_bytes());
    let again = gateway.client.post(format!("{}/chat/completions", gateway.url)).bearer_auth("any");
    let plain = again.json(body).header("x-stainless-retry-count", "1").send().await.unwrap();
    assert_eq!(plain.status(), 200);
    (chunks, plain.json().await.unwrap())
}

#[tokio::test]
async fn case_56_a_stream_begins_at_once_beats_and_ends_with_the_answer() {
    let gateway = gateway(&[("COLLATE_BATCHES_FOR_DURATION_IN_MS", "4000")]).await;
    let mut client = Connection::post(&gateway, &streamed(chat("slow")), "").await;
    client.until("2\r\n: \r\n").await;
    assert_eq!(gateway.ledger().creates, 0, "it has begun before anything is sent");
    client.until("1\r\n.\r\n1\r\n.\r\n1\r\n.\r\n").await;
    finish(&gateway).await;
    let response = client.end().await;
    for header in
        ["content-type: text/event-stream\r\n", "cache-control: no-cache\r\n", "x-accel-buffering: no\r\n"]
    {
        assert!(response.head.contains(header), "{}", response.head);
    }
    let (_, stream) = parts(&response);
    assert!(stream.ends_with("\n\ndata: [DONE]\n\n"), "{stream}");
    let chunks = events::chunks(stream.as_bytes());
    assert_eq!(chunks[1]["choices"][0]["delta"]["content"], "Answer to: slow");
    assert_eq!(gateway.ledger().executed_lines, 1);
}

#[tokio::test]
async fn case_57_a_stream_put_together_again_is_the_plain_answer() {
    let gateway = Gateway::start().await;
    let mut several = chat("several");
    (several["n"], several["logprobs"]) = (json!(3), json!(true));
    several["stream_options"] = json!({ "include_usage": true });
    let mut called = chat("called");
    called["tools"] = json!([{ "type": "function", "function": { "name": "look", "parameters": {} } }]);
    called["tool_choice"] = json!("required");
    called["stream_options"] = json!({ "include_usage": true });
    for body in [several, called] {
        let (chunks, plain) = both(&gateway, &body).await;
        assert_eq!(reassembly::without_places(reassembly::like_python(&chunks)), plain);
        assert_eq!(reassembly::without_places(reassembly::like_node(&chunks)), plain);
    }
    let call = |id: &str| json!({ "id": id, "type": "function", "function": { "name": id, "arguments": "{\"a\":1}" } });
    for message in [
        json!({ "role": "assistant", "content": null, "refusal": null, "tool_calls": [call("a"), call("b")] }),
        json!({ "role": "assistant", "content": null, "refusal": "I will not.", "annotations": [] }),
    ] {
        let canned = json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3 }, "system_fingerprint": "fp",
        });
        let url = format!("{}/settings", gateway.simulator.control_url());
        let patch = json!({ "knobs": { "canned_body": canned.to_string() } });
        assert_eq!(gateway.client.post(url).json(&patch).send().await.unwrap().status(), 200);
        let mut body = chat(&message.to_string());
        body["stream_options"] = json!({ "include_usage": true });
        let (chunks, plain) = both(&gateway, &body).await;
        assert_eq!(plain, canned);
        assert_eq!(reassembly::without_places(reassembly::like_python(&chunks)), plain);
        assert_eq!(reassembly::without_places(reassembly::like_node(&chunks)), plain);
    }
}

#[tokio::test]
async fn case_58_the_usage_comes_last_and_only_if_it_is_asked_for() {
    let gateway = Gateway::start().await;
    let (without, plain) = both(&gateway, &chat("no usage")).await;
    assert!(plain["usage"].is_object());
    assert!(without.iter().all(|chunk| chunk.get("usage").is_none()));
    let mut body = chat("usage");
    body["stream_options"] = json!({ "include_usage": true });
    let (chunks, plain) = both(&gateway, &body).await;
    let (last, earlier) = chunks.split_last().unwrap();
    assert_eq!((&last["choices"], &last["usage"]), (&json!([]), &plain["usage"]));
    assert!(earlier.iter().all(|chunk| chunk.get("usage") == Some(&Value::Null)));
}

#[tokio::test]
async fn case_59_a_failure_is_one_event_without_a_name_and_then_the_end() {
    let gateway = Gateway::start().await;
    let client = Connection::post(&gateway, &streamed(chat("bad [[status:400]]")), "").await;
    let response = client.end().await;
    let (_, stream) = parts(&response);
    assert!(stream.starts_with("data: {\"error\":{"), "{stream}");
    let events = events::read(stream.as_bytes());
    assert_eq!(events.len(), 1);
    let error = events[0].json()["error"].as_object().unwrap().clone();
    assert_eq!(error.keys().map(String::as_str).collect::<Vec<_>>(), ["code", "message", "param", "type"]);
}

#[tokio::test]
async fn case_60_any_number_of_beats_is_one_line_before_the_first_data() {
    let gateway = gateway(&[]).await;
    let mut client = Connection::post(&gateway, &streamed(chat("beats")), "").await;
    client.until(".\r\n1\r\n.\r\n1\r\n.\r\n").await;
    finish(&gateway).await;
    let response = client.end().await;
    let (comment, stream) = parts(&response);
    assert!(comment.starts_with(": ..."), "{comment:?}");
    assert!(comment.trim_start_matches(": ").bytes().all(|byte| byte == b'.'), "{comment:?}");
    assert!(stream.starts_with("data: {"), "{stream}");
}

#[tokio::test]
async fn case_61_no_event_is_empty_and_every_chunk_has_a_choice() {
    let gateway = gateway(&[]).await;
    let mut client = Connection::post(&gateway, &streamed(chat("chunks")), "").await;
    client.until(": \r\n1\r\n.\r\n").await;
    finish(&gateway).await;
    let response = client.end().await;
    let (_, stream) = parts(&response);
    for chunk in events::chunks(stream.as_bytes()) {
        assert_eq!(chunk["choices"].as_array().unwrap().len(), 1, "{chunk}");
        assert!(chunk["choices"][0]["delta"].is_object(), "{chunk}");
    }
}

#[tokio::test]
async fn case_62_who_hangs_up_frees_its_place_and_its_line() {
    let settings = [
        ("BATCH_GPT_MAX_OPEN_REQUESTS", "1"),
        ("BATCH_GPT_HOLD", "heartbeat"),
        ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "3000"),
    ];
    for (body, begun) in [(streamed(chat("gone")), ": \r\n"), (chat("gone"), "\n\r\n1\r\n\n")] {
        let gateway = gateway(&settings).await;
        let mut leaver = Connection::post(&gateway, &body, "").await;
        leaver.until(begun).await;
        gateway.waiting(1).await;
        assert_eq!(gateway.chat("m", "too many").send().await.unwrap().status(), 429);
        drop(leaver);
        let admitted = async {
            loop {
                let mut next = Connection::post(&gateway, &chat("next"), "").await;
                next.until("\r\n\r\n").await;
                if next.text().starts_with("HTTP/1.1 200") {
                    break next;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        let mut next = timeout(PATIENCE, admitted).await.unwrap();
        finish(&gateway).await;
        next.until("Answer to: next").await;
        assert_eq!(gateway.ledger().executed_lines, 1);
    }
}

#[tokio::test]
async fn a_stream_that_cannot_begin_is_refused_with_its_true_status() {
    let settings = [
        ("BATCH_GPT_API_KEYS", "a:any"),
        ("BATCH_GPT_MAX_OPEN_REQUESTS", "1"),
        ("BATCH_GPT_MAX_BODY_BYTES", "2000"),
    ];
    let gateway = gateway(&settings).await;
    let status = async |key: &str, body: &Value| {
        let call = gateway.client.post(format!("{}/chat/completions", gateway.url)).bearer_auth(key);
        let response = call.json(body).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/json");
        response.status().as_u16()
    };
    assert_eq!(status("other", &streamed(chat("who"))).await, 401);
    assert_eq!(status("any", &json!({ "model": "m", "stream": true })).await, 400);
    assert_eq!(status("any", &streamed(chat(&"long".repeat(1000)))).await, 413);
    let mut first = Connection::post(&gateway, &streamed(chat("first")), "").await;
    first.until(": ").await;
    assert_eq!(status("any", &streamed(chat("second"))).await, 429);
}

#[tokio::test]
async fn a_stream_is_told_that_the_gateway_stops() {
    let mut gateway = gateway(&[("BATCH_GPT_DRAIN_SECONDS", "1")]).await;
    let mut client = Connection::post(&gateway, &streamed(chat("slow")), "").await;
    client.until(": ").await;
    gateway.signal("-TERM");
    let response = client.end().await;
    let events = events::read(parts(&response).1.as_bytes());
    assert_eq!(events.last().unwrap().json()["error"]["code"], "gateway_stopping");
    assert_eq!(gateway.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_stream_is_waited_for_in_async_mode_and_a_wish_to_ask_later_wins_over_it() {
    let gateway = Gateway::with(Duration::from_millis(200), &[("CLIENT_SERVING_MODE", "async")]).await;
    let body = streamed(chat("both"));
    let response = Connection::post(&gateway, &body, "").await.end().await;
    assert_eq!(
        events::chunks(parts(&response).1.as_bytes())[1]["choices"][0]["delta"]["content"],
        "Answer to: both"
    );
    let later = Connection::post(&gateway, &body, "prefer: respond-async\r\n").await.end().await;
    assert!(later.head.starts_with("http/1.1 202 accepted\r\n"), "{}", later.head);
}
