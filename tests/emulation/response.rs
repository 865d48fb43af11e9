use batch_gpt::http::stream::Emulation;
use serde_json::{Value, json};

use crate::events;

fn answer(status: &str, output: Value) -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1.5, "status": status, "error": null,
        "incomplete_details": null, "model": "m", "output": output, "usage": { "total_tokens": 3 }, "new": [1.0],
    })
}

fn events(answer: &Value) -> Vec<Value> {
    let events = events::read(&Emulation::Response.events(answer.to_string().as_bytes(), false));
    events
        .iter()
        .zip(0..)
        .map(|(event, number)| {
            let json = event.json();
            assert_eq!(json["type"].as_str(), event.name.as_deref());
            assert_eq!(json["sequence_number"], number);
            json
        })
        .collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

/// Grows the output as openai-python's `ResponseStreamState` does it, holds each item against its last word, and
/// gives the output.
fn grown(events: &[Value]) -> Value {
    let mut output = Vec::<Value>::new();
    for event in events {
        let index = event["output_index"].as_u64().unwrap_or(0) as usize;
        let part = event["content_index"].as_u64().or(event["summary_index"].as_u64()).unwrap_or(0) as usize;
        let list = if event["summary_index"].is_u64() { "summary" } else { "content" };
        let add = |text: &mut Value| {
            *text = json!(text.as_str().unwrap().to_owned() + event["delta"].as_str().unwrap());
        };
        match event["type"].as_str().unwrap() {
            "response.output_item.added" => output.push(event["item"].clone()),
            "response.content_part.added" | "response.reasoning_summary_part.added" => {
                output[index][list].as_array_mut().unwrap().push(event["part"].clone());
            }
            "response.output_text.delta"
            | "response.reasoning_text.delta"
            | "response.reasoning_summary_text.delta" => add(&mut output[index][list][part]["text"]),
            "response.refusal.delta" => add(&mut output[index][list][part]["refusal"]),
            "response.function_call_arguments.delta" => add(&mut output[index]["arguments"]),
            "response.custom_tool_call_input.delta" => add(&mut output[index]["input"]),
            "response.content_part.done" | "response.reasoning_summary_part.done" => {
                for text in ["text", "refusal"] {
                    assert_eq!(output[index][list][part][text], event["part"][text]);
                }
            }
            "response.output_text.done" => assert_eq!(output[index][list][part]["text"], event["text"]),
            "response.refusal.done" => assert_eq!(output[index][list][part]["refusal"], event["refusal"]),
            "response.function_call_arguments.done" => {
                assert_eq!(output[index]["arguments"], event["arguments"]);
            }
            "response.output_item.done" => {
                for text in ["arguments", "input", "id"] {
                    assert_eq!(output[index][text], event["item"][text]);
                }
                output[index] = event["item"].clone();
            }
            _ => {}
        }
    }
    json!(output)
}

#[test]
fn a_message_grows_in_the_order_of_the_real_thing() {
    let text = json!({ "type": "output_text", "text": "Hi \u{1f600}", "annotations": [{ "type": "url" }], "logprobs": [1] });
    let message = json!({ "id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [text] });
    let answer = answer("completed", json!([message]));
    let events = events(&answer);
    assert_eq!(
        kinds(&events),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let begun = &events[0]["response"];
    assert_eq!(
        (&begun["status"], &begun["output"], &begun["usage"]),
        (&json!("in_progress"), &json!([]), &json!(null))
    );
    assert_eq!(events[2]["item"]["content"], json!([]));
    assert_eq!((&events[4]["item_id"], &events[4]["content_index"]), (&json!("msg_1"), &json!(0)));
    assert_eq!(events[4]["logprobs"], json!([1]));
    assert_eq!(grown(&events), answer["output"]);
    assert_eq!(events.last().unwrap()["response"], answer);
}

#[test]
fn every_kind_of_item_grows_to_what_it_is() {
    let output = json!([
        { "id": "rs_1", "type": "reasoning", "status": "completed", "encrypted_content": "x",
          "summary": [{ "type": "summary_text", "text": "First." }, { "type": "summary_text", "text": "Then." }],
          "content": [{ "type": "reasoning_text", "text": "Hm." }] },
        { "id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", "name": "look",
          "arguments": "{\"q\":\"".to_owned() + &"x".repeat(20_000) + "\"}" },
        { "id": "fc_2", "type": "function_call", "status": "completed", "call_id": "call_2", "name": "f", "arguments": "" },
        { "id": "ct_1", "type": "custom_tool_call", "call_id": "call_3", "name": "code", "input": "print()" },
        { "id": "ws_1", "type": "web_search_call", "status": "completed", "action": { "type": "search" } },
        { "id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [
            { "type": "refusal", "refusal": "No." },
            { "type": "output_text", "text": "y".repeat(20_000), "annotations": [] },
            { "type": "never_heard_of", "value": 1.0 },
        ] },
    ]);
    let answer = answer("completed", output);
    let events = events(&answer);
    assert_eq!(grown(&events), answer["output"]);
    assert_eq!(events.last().unwrap()["response"], answer);
}

#[test]
fn the_last_event_says_how_it_ended() {
    for (status, kind) in [
        ("completed", "response.completed"),
        ("incomplete", "response.incomplete"),
        ("failed", "response.failed"),
    ] {
        let answer = answer(status, json!([]));
        assert_eq!(kinds(&events(&answer)), ["response.created", "response.in_progress", kind]);
    }
}
