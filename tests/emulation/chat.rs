use batch_gpt::http::stream::Emulation;
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::{events, reassembly};

fn stream(answer: &Value, include_usage: bool) -> Vec<u8> {
    Emulation::Chat.events(answer.to_string().as_bytes(), include_usage)
}

/// Without what clients cannot keep: the place of a tool call, and whether a member is null or absent.
fn plain(answer: Value) -> Value {
    let mut answer = reassembly::without_places(answer);
    for choice in answer["choices"].as_array_mut().unwrap() {
        choice.as_object_mut().unwrap().entry("logprobs").or_insert(Value::Null);
    }
    answer.as_object_mut().unwrap().entry("system_fingerprint").or_insert(Value::Null);
    answer
}

fn equal(answer: &Value) {
    // As a client reads it: a parser may round a number.
    let answer: &Value = &serde_json::from_str(&answer.to_string()).unwrap();
    let chunks = events::chunks(&stream(answer, true));
    assert_eq!(plain(reassembly::like_python(&chunks)), plain(answer.clone()));
    assert_eq!(plain(reassembly::like_node(&chunks)), plain(answer.clone()));
    for chunk in &chunks {
        for member in ["id", "created", "model", "service_tier", "system_fingerprint"] {
            assert_eq!(chunk.get(member), answer.get(member), "{member}");
        }
        assert_eq!(chunk["object"], "chat.completion.chunk");
    }
    let (last, earlier) = chunks.split_last().unwrap();
    assert_eq!((&last["choices"], &last["usage"]), (&json!([]), &answer["usage"]));
    assert!(earlier.iter().all(|chunk| chunk["usage"].is_null() && chunk.get("usage").is_some()));
    let without = events::chunks(&stream(answer, false));
    assert_eq!(without.len(), earlier.len());
    assert!(without.iter().all(|chunk| chunk.get("usage").is_none()));
}

fn answer(choices: Value) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "gpt-4o-mini",
        "choices": choices, "usage": { "prompt_tokens": 9_007_199_254_740_993_u64, "total_tokens": 2 },
        "service_tier": "default", "system_fingerprint": "fp_1",
    })
}

#[test]
fn a_text_comes_back() {
    let message =
        json!({ "role": "assistant", "content": "Hi \u{1f600}", "refusal": null, "annotations": [] });
    equal(&answer(json!([{ "index": 0, "message": message, "logprobs": null, "finish_reason": "stop" }])));
}

#[test]
fn a_long_text_comes_in_lines_that_every_client_can_read() {
    let message = json!({ "role": "assistant", "content": "\u{1}\u{e9}".repeat(50_000), "refusal": null });
    let answer = answer(json!([{ "index": 0, "message": message, "finish_reason": "length" }]));
    equal(&answer);
    assert!(events::read(&stream(&answer, true)).iter().all(|event| event.data.len() < 60_000));
}

#[test]
fn two_parallel_tool_calls_come_back() {
    let call = |id: &str, arguments: &str| json!({ "id": id, "type": "function", "function": { "name": "look", "arguments": arguments } });
    let long = "{\"q\":\"".to_owned() + &"x".repeat(20_000) + "\"}";
    let calls = json!([call("call_1", "{\"a\": 1}"), call("call_2", &long), call("call_3", "")]);
    let message = json!({ "role": "assistant", "content": null, "refusal": null, "tool_calls": calls });
    let answer =
        answer(json!([{ "index": 0, "message": message, "logprobs": null, "finish_reason": "tool_calls" }]));
    equal(&answer);
    let chunks = events::chunks(&stream(&answer, false));
    let calls = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].as_array());
    assert!(calls.flatten().all(|call| call["index"].is_u64()));
}

#[test]
fn a_refusal_comes_back() {
    let message =
        json!({ "role": "assistant", "content": null, "refusal": "I will not.", "x": { "y": [1.0] } });
    equal(&answer(json!([{ "index": 0, "message": message, "logprobs": null, "finish_reason": "stop" }])));
}

#[test]
fn log_probabilities_are_counted_once() {
    let logprobs =
        json!({ "content": [{ "token": "Hi", "logprob": -0.1, "bytes": [72], "top_logprobs": [] }] });
    let choice = |index: u64, content: Value| {
        let message = json!({ "role": "assistant", "content": content, "refusal": null });
        json!({ "index": index, "message": message, "logprobs": logprobs, "finish_reason": "stop" })
    };
    equal(&answer(json!([
        choice(0, json!("Hi")),
        choice(1, json!("")),
        choice(2, json!("x".repeat(30_000)))
    ])));
}

#[test]
fn every_choice_comes_back_with_what_nobody_here_has_heard_of() {
    let choice = |index: u64| {
        let message =
            json!({ "role": "assistant", "content": format!("{index}"), "reasoning_content": "hm" });
        json!({ "index": index, "message": message, "finish_reason": "stop", "stop_reason": 7 })
    };
    let mut answer = answer(json!([choice(0), choice(1), choice(2)]));
    answer["citations"] = json!(["a", "b"]);
    equal(&answer);
    answer["choices"].as_array_mut().unwrap().reverse();
    let indices = |chunks: Vec<Value>| {
        chunks.iter().map(|chunk| chunk["choices"][0]["index"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert!(indices(events::chunks(&stream(&answer, false))).is_sorted());
}

#[test]
fn the_role_comes_first_and_the_reason_for_the_end_last_and_alone() {
    let message = json!({ "content": "Hi", "role": "assistant" });
    let chunks = events::chunks(&stream(
        &answer(json!([{ "index": 0, "message": message, "finish_reason": "stop" }])),
        false,
    ));
    assert_eq!(chunks[0]["choices"][0]["delta"], json!({ "role": "assistant", "content": "" }));
    let (last, earlier) = chunks.split_last().unwrap();
    assert_eq!(last["choices"][0], json!({ "index": 0, "delta": {}, "finish_reason": "stop" }));
    assert!(earlier.iter().all(|chunk| chunk["choices"][0]["finish_reason"].is_null()));
}

#[test]
fn numbers_keep_their_digits() {
    let text = r#"{"id":"x","created":1.50,"n":123456789012345678901234567890,"choices":[{"index":0,"message":
        {"role":"assistant","content":"","seed":9007199254740993},"finish_reason":"stop","p":1E-7}],"usage":{"t":1.0}}"#;
    let stream = String::from_utf8(Emulation::Chat.events(text.as_bytes(), true)).unwrap();
    for number in
        ["\"created\":1.50", "123456789012345678901234567890", "9007199254740993", "1E-7", "{\"t\":1.0}"]
    {
        assert!(stream.contains(number), "{number} is missing in {stream}");
    }
}

#[test]
fn what_is_no_answer_ends_the_stream_with_an_error() {
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "\"text\"",
        r#"{"choices":null}"#,
        r#"{"choices":[1]}"#,
        r#"{"choices":[{}]}"#,
        r#"{"choices":[{"message":"hi"}]}"#,
        r#"{"choices":[{"message":{"tool_calls":[1]}}]}"#,
        "{\"choices\":[",
    ] {
        for emulation in [Emulation::Chat, Emulation::Completion, Emulation::Response] {
            let events = events::read(&emulation.events(body.as_bytes(), true));
            assert_eq!(events.len(), 1, "{body}");
            assert!(events[0].name.is_none());
            assert_eq!(events[0].json()["error"]["code"], "answer_unreadable", "{body}");
        }
    }
}

#[test]
fn an_answer_without_choices_is_told_all_the_same() {
    let chunks = events::chunks(&stream(&answer(json!([])), false));
    assert_eq!(chunks.len(), 0);
    let mut odd = answer(json!([]));
    odd["citations"] = json!([1]);
    assert_eq!(events::chunks(&stream(&odd, false))[0]["citations"], json!([1]));
    equal(&answer(json!([{ "index": 0, "message": {}, "finish_reason": null }])));
}

#[test]
fn an_error_is_one_event_without_a_name() {
    let error = r#"{"error": {"message": "No", "type": "x", "param": null, "code": "y", "n": 1.0}, "z": 1}"#;
    let stream = String::from_utf8(batch_gpt::http::stream::failure(error.as_bytes())).unwrap();
    assert_eq!(
        stream,
        "data: {\"error\":{\"message\": \"No\", \"type\": \"x\", \"param\": null, \"code\": \"y\", \"n\": 1.0}}\n\n"
    );
    for strange in ["", "<html>", "{\"error\":\"text\"}", "{\"detail\":{}}"] {
        let events = events::read(&batch_gpt::http::stream::failure(strange.as_bytes()));
        let error = events[0].json()["error"].as_object().unwrap().clone();
        assert_eq!(
            error.keys().map(String::as_str).collect::<Vec<_>>(),
            ["code", "message", "param", "type"]
        );
    }
}

fn any_message() -> impl Strategy<Value = Value> {
    let text = || prop_oneof![Just(Value::Null), "\\PC{0,40}".prop_map(Value::from)];
    let call = ("[a-z]{1,8}", "\\PC{0,40}").prop_map(|(name, arguments)| {
        json!({ "id": format!("call_{name}"), "type": "function",
                "function": { "name": name, "arguments": arguments } })
    });
    let unknown = prop_oneof![
        Just(json!([])),
        Just(json!({ "id": "audio_1", "data": "AAAA", "n": 1.5 })),
        "\\PC{0,9}".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
    ];
    let calls = proptest::collection::vec(call, 0..4);
    (text(), text(), calls, proptest::option::of(unknown)).prop_map(|(content, refusal, calls, unknown)| {
        let mut message = json!({ "role": "assistant", "content": content, "refusal": refusal });
        if !calls.is_empty() {
            message["tool_calls"] = json!(calls);
        }
        if let Some(unknown) = unknown {
            message["unknown"] = unknown;
        }
        message
    })
}

fn any_choice() -> impl Strategy<Value = Value> {
    let token = ("\\PC{0,4}", -20.0..0.0).prop_map(|(token, logprob)| {
        json!({ "token": token, "logprob": logprob, "bytes": token.as_bytes(), "top_logprobs": [] })
    });
    let logprobs = proptest::option::of(proptest::collection::vec(token, 1..4));
    let reason = prop_oneof![Just("stop"), Just("length"), Just("tool_calls"), Just("content_filter")];
    (any_message(), logprobs, reason).prop_map(|(message, logprobs, reason)| {
        let logprobs = logprobs.map(|tokens| json!({ "content": tokens, "refusal": null }));
        json!({ "message": message, "logprobs": logprobs, "finish_reason": reason })
    })
}

proptest! {
    #[test]
    fn any_answer_comes_back_member_for_member(choices in proptest::collection::vec(any_choice(), 1..4)) {
        let numbered = choices.into_iter().enumerate().map(|(index, mut choice)| {
            choice["index"] = json!(index);
            choice
        });
        equal(&answer(numbered.collect()));
    }

    /// No answer makes the emulation panic, and whatever comes is a stream that a client can read. A number that no double
    /// can hold goes on as the upstream wrote it: most readers take it for infinite.
    #[test]
    fn a_damaged_answer_is_a_stream_all_the_same(
        choice in any_choice(), at: prop::sample::Index, byte: u8, include_usage: bool,
    ) {
        let mut bytes = answer(json!([choice])).to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        for emulation in [Emulation::Chat, Emulation::Completion, Emulation::Response] {
            for event in events::read(&emulation.events(&bytes, include_usage)) {
                prop_assert!(event.data == "[DONE]" || serde_json::from_str::<IgnoredAny>(&event.data).is_ok());
            }
        }
    }
}
