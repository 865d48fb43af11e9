//! Answers of each endpoint (contract, sections 1.3 and 3.5; case 50 for their special forms).

mod support;

use serde_json::{Value, json};
use support::*;

#[tokio::test]
async fn chat_completions_have_all_required_members() {
    let parts = json!([{ "role": "system", "content": "be brief" }, { "role": "user", "content": [
        { "type": "text", "text": "two " }, { "type": "image_url", "image_url": { "url": "data:," } },
        { "type": "text", "text": "parts" },
    ] }, { "role": "assistant", "content": "so far" }]);
    let bodies = vec![with("one", json!({})), with("", json!({ "messages": parts })), with("one", json!({}))];
    let answers = answers(CHAT, bodies).await;
    let expected = json!([{
        "index": 0, "finish_reason": "stop", "logprobs": null,
        "message": { "role": "assistant", "content": "Answer to: one", "refusal": null, "annotations": [] },
    }]);
    assert_eq!(answers[0]["choices"], expected);
    assert_eq!(answers[0]["object"], "chat.completion");
    assert_eq!(answers[0]["model"], "gpt-4o-mini");
    assert_eq!(answers[0]["service_tier"], "default");
    assert!(text(&answers[0]["id"]).starts_with("chatcmpl-"));
    assert!(answers[0]["created"].is_u64());
    assert_eq!(answers[1]["choices"][0]["message"]["content"], "Answer to: two parts");
    assert_ne!(answers[0]["id"], answers[2]["id"]);
}

#[tokio::test]
async fn chat_completions_offer_choices_logprobs_formats_and_tools() {
    let schema = json!({ "type": "object", "required": ["text", "count", "flags", "child"], "properties": {
        "text": { "type": "string" }, "count": { "type": "integer" }, "extra": { "type": "string" },
        "flags": { "type": "array", "items": { "type": "boolean" } }, "child": { "$ref": "#/$defs/child" },
    }, "$defs": { "child": { "enum": ["only"] } } });
    let tool = |name: &str| json!({ "type": "function", "function": { "name": name, "parameters": schema } });
    let tools = json!([tool("first"), tool("second")]);
    let named = json!({ "type": "function", "function": { "name": "second" } });
    let format = json!({ "type": "json_schema", "json_schema": { "name": "shape", "schema": schema } });
    let answers = answers(
        CHAT,
        vec![
            with("q", json!({ "n": 2 })),
            with("q", json!({ "logprobs": true, "top_logprobs": 0 })),
            with("q", json!({ "response_format": { "type": "json_object" } })),
            with("q", json!({ "response_format": format })),
            with("q", json!({ "tools": tools, "tool_choice": "required" })),
            with("q", json!({ "tools": tools, "tool_choice": named })),
            with("q", json!({ "tools": tools, "tool_choice": "auto" })),
        ],
    )
    .await;
    let content =
        |n: usize, choice: usize| text(&answers[n]["choices"][choice]["message"]["content"]).to_owned();
    let filled = json!({ "text": "Answer to: q", "count": 1, "flags": [true], "child": "only" });
    assert_eq!(content(0, 0), "Answer to: q (choice 0)");
    assert_eq!(content(0, 1), "Answer to: q (choice 1)");
    let tokens = answers[1]["choices"][0]["logprobs"]["content"].as_array().expect("a list").clone();
    assert_eq!(tokens.iter().map(|token| text(&token["token"])).collect::<String>(), content(1, 0));
    assert_eq!(
        serde_json::from_str::<Value>(&content(2, 0)).expect("JSON"),
        json!({ "answer": "Answer to: q" })
    );
    assert_eq!(serde_json::from_str::<Value>(&content(3, 0)).expect("JSON"), filled);
    for (n, name) in [(4, "first"), (5, "second")] {
        let choice = &answers[n]["choices"][0];
        assert_eq!(choice["finish_reason"], "tool_calls");
        assert_eq!(choice["message"]["content"], Value::Null);
        let call = &choice["message"]["tool_calls"][0];
        assert_eq!(call["function"]["name"], name);
        let arguments: Value = serde_json::from_str(text(&call["function"]["arguments"])).expect("JSON");
        assert_eq!(arguments, filled);
    }
    assert_eq!(content(6, 0), "Answer to: q");
}

#[tokio::test]
async fn embeddings_depend_on_the_input_alone() {
    let body = |input: Value, more: Value| {
        let mut body = json!({ "model": "text-embedding-3-small", "input": input });
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        body
    };
    let answers = answers(
        "/v1/embeddings",
        vec![
            body(json!("one"), json!({})),
            body(json!(["one", "two"]), json!({})),
            body(json!([[1, 2, 3], [4]]), json!({ "dimensions": 4 })),
            body(json!([1, 2, 3]), json!({ "encoding_format": "base64", "dimensions": 2 })),
        ],
    )
    .await;
    assert_eq!(answers[0]["data"][0], answers[1]["data"][0]);
    assert_ne!(answers[1]["data"][0]["embedding"], answers[1]["data"][1]["embedding"]);
    assert_eq!(answers[1]["data"][1]["index"], 1);
    assert_eq!(answers[2]["data"][0]["embedding"].as_array().map(Vec::len), Some(4));
    assert_eq!(answers[2]["usage"], json!({ "prompt_tokens": 4, "total_tokens": 4 }));
    // Two numbers of four bytes each in base64.
    assert_eq!(text(&answers[3]["data"][0]["embedding"]).len(), 12);
}

#[tokio::test]
async fn responses_completions_and_moderations_answer() {
    let input = json!([{ "role": "user", "content": [{ "type": "input_text", "text": "list" }] }]);
    let responses = answers(
        "/v1/responses",
        vec![json!({ "model": "gpt-4o", "input": "text" }), json!({ "model": "gpt-4o", "input": input })],
    )
    .await;
    for (response, prompt) in responses.iter().zip(["text", "list"]) {
        assert_eq!(response["object"], "response");
        assert_eq!(response["status"], "completed");
        assert_eq!(response["output"][0]["content"][0]["text"], format!("Answer to: {prompt}"));
        assert!(response["usage"]["input_tokens"].is_u64());
    }
    let completion = answers("/v1/completions", vec![json!({ "model": "gpt-3.5", "prompt": "text" })]).await;
    assert_eq!(completion[0]["choices"][0]["text"], "Answer to: text");
    let inputs = json!(["kind", "violence"]);
    let moderation = answers("/v1/moderations", vec![json!({ "input": inputs })]).await;
    assert_eq!(moderation[0]["results"][0]["flagged"], false);
    assert_eq!(moderation[0]["results"][1]["flagged"], true);
}
