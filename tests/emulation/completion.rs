use batch_gpt::http::stream::Emulation;
use serde_json::{Value, json};

use crate::events;

fn answer(choices: Value) -> Value {
    json!({
        "id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": choices,
        "usage": { "total_tokens": 3 }, "system_fingerprint": "fp_1",
    })
}

fn chunks(answer: &Value, include_usage: bool) -> Vec<Value> {
    events::chunks(&Emulation::Completion.events(answer.to_string().as_bytes(), include_usage))
}

/// Joins the chunks of each choice, as programs do it by themselves.
fn joined(chunks: &[Value]) -> Vec<Value> {
    let mut choices: Vec<Value> = Vec::new();
    for part in chunks.iter().flat_map(|chunk| chunk["choices"].as_array().unwrap()) {
        let index = part["index"].as_u64().unwrap() as usize;
        if index == choices.len() {
            choices.push(part.clone());
            continue;
        }
        let text = choices[index]["text"].as_str().unwrap().to_owned() + part["text"].as_str().unwrap();
        choices[index]["text"] = json!(text);
        assert!(part["logprobs"].is_null());
        choices[index]["finish_reason"] = part["finish_reason"].clone();
    }
    choices
}

#[test]
fn texts_of_all_choices_come_back_with_what_belongs_to_them() {
    let logprobs =
        json!({ "tokens": ["a"], "token_logprobs": [-0.5], "top_logprobs": null, "text_offset": [0] });
    let choices = json!([
        { "index": 0, "text": "a\u{e9}".repeat(10_000), "logprobs": logprobs, "finish_reason": "length" },
        { "index": 1, "text": "", "logprobs": null, "finish_reason": "stop", "stop_reason": null },
        { "index": 2, "text": "c", "logprobs": null, "finish_reason": "stop" },
    ]);
    let chunks = chunks(&answer(choices.clone()), false);
    assert_eq!(json!(joined(&chunks)), choices);
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none() && chunk["object"] == "text_completion"));
    assert!(chunks.iter().all(|chunk| chunk["id"] == "cmpl-1" && chunk["system_fingerprint"] == "fp_1"));
}

#[test]
fn the_usage_comes_last_if_it_is_asked_for() {
    let choices = json!([{ "index": 0, "text": "a", "finish_reason": "stop" }]);
    let chunks = chunks(&answer(choices), true);
    let (last, earlier) = chunks.split_last().unwrap();
    assert_eq!((&last["choices"], &last["usage"]), (&json!([]), &json!({ "total_tokens": 3 })));
    assert!(earlier.iter().all(|chunk| chunk["usage"].is_null() && chunk.get("usage").is_some()));
}
