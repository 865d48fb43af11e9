//! Which answers equal requests of others get.

use batch_gpt_actors::rules::{
    outcome::{ApiError, Origin, Outcome},
    reuse::is_reusable,
};
use serde_json::{Value, json};

fn answer(body: &Value) -> Outcome {
    Outcome { status: 200, body: body.to_string().into(), origin: Origin::Upstream }
}

fn chat(finish_reason: Value, refusal: Value) -> Value {
    let message = json!({ "role": "assistant", "content": "yes", "refusal": refusal });
    let whole = json!({ "index": 0, "finish_reason": "stop", "message": { "content": "no" } });
    json!({ "choices": [whole, { "index": 1, "finish_reason": finish_reason, "message": message }] })
}

fn response(status: &str, part: &str) -> Value {
    let message = json!({ "type": "message", "content": [{ "type": part }] });
    json!({ "status": status, "error": null, "output": [{ "type": "reasoning", "summary": [] }, message] })
}

#[test]
fn whole_answers_of_every_endpoint_are() {
    for body in [
        chat(json!("stop"), Value::Null),
        chat(json!("tool_calls"), Value::Null),
        json!({ "choices": [{ "text": "yes", "finish_reason": "stop" }] }),
        json!({ "object": "list", "data": [{ "embedding": [0.25, 1e-3] }] }),
        json!({ "results": [{ "flagged": true }] }),
        response("completed", "output_text"),
    ] {
        assert!(is_reusable(&answer(&body)), "{body}");
    }
}

#[test]
fn what_is_cut_filtered_refused_or_failed_is_not() {
    for body in [
        chat(json!("length"), Value::Null),
        chat(json!("content_filter"), Value::Null),
        chat(json!("stop"), json!("I will not.")),
        json!({ "choices": [{ "text": "y", "finish_reason": "length" }] }),
        response("incomplete", "output_text"),
        response("completed", "refusal"),
        json!({ "error": { "message": "No." } }),
        json!({ "choices": "odd" }),
    ] {
        assert!(!is_reusable(&answer(&body)), "{body}");
    }
    let good = chat(json!("stop"), Value::Null);
    assert!(!is_reusable(&Outcome { status: 201, ..answer(&good) }));
    assert!(!is_reusable(&Outcome { origin: Origin::Gateway, ..answer(&good) }));
    assert!(!is_reusable(&Outcome::gateway(502, &ApiError::new("server_error", None, "No."))));
    assert!(!is_reusable(&Outcome { body: "[1".into(), ..answer(&good) }));
}
