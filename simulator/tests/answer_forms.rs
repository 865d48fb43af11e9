//! Answers that are more than one text: calls, refusals, tokens, choices, schemas and ends.

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::*;

/// A schema of every simple kind.
fn schema() -> Value {
    json!({ "type": "object", "additionalProperties": false,
        "required": ["name", "age", "share", "alive", "tags", "colour"],
        "properties": {
            "name": { "type": "string" }, "age": { "type": "integer" }, "share": { "type": "number" },
            "alive": { "type": "boolean" }, "tags": { "type": "array", "items": { "type": "string" } },
            "colour": { "type": "string", "enum": ["red", "green"] },
        } })
}

fn filled(prompt: &str) -> Value {
    let text = format!("Answer to: {prompt}");
    json!({ "name": text, "age": 1, "share": 1, "alive": true, "tags": [text], "colour": "red" })
}

/// Three functions as chat completions offer them.
fn nested_tools() -> Value {
    let tool =
        |name: &str| json!({ "type": "function", "function": { "name": name, "parameters": schema() } });
    json!([tool("first"), tool("second"), tool("third")])
}

/// Two functions and a tool of another kind as responses offer them.
fn flat_tools() -> Value {
    let tool =
        |name: &str| json!({ "type": "function", "name": name, "parameters": schema(), "strict": true });
    json!([{ "type": "web_search" }, tool("first"), tool("second")])
}

fn parsed(text: &Value) -> Value {
    serde_json::from_str(support::text(text)).expect("JSON")
}

/// The names of the functions a choice calls; each call must have its own id and right arguments.
fn called(choice: &Value, prompt: &str) -> Vec<String> {
    let calls = choice["message"]["tool_calls"].as_array().cloned().unwrap_or_default();
    let mut ids: Vec<&str> = calls.iter().map(|call| text(&call["id"])).collect();
    ids.dedup();
    assert_eq!(ids.len(), calls.len());
    assert!(ids.iter().all(|id| id.starts_with("call_")));
    assert!(calls.iter().all(|call| call["type"] == "function"));
    assert!(calls.iter().all(|call| parsed(&call["function"]["arguments"]) == filled(prompt)));
    calls.iter().map(|call| text(&call["function"]["name"]).to_owned()).collect()
}

#[tokio::test]
async fn chat_calls_two_functions_at_once_where_it_must_or_is_asked_to() {
    let tools = nested_tools();
    let named = json!({ "type": "function", "function": { "name": "third" } });
    let prompt = "[[tools]] q";
    let bodies = vec![
        with(prompt, json!({ "tools": tools })),
        with("q", json!({ "tools": tools, "tool_choice": "required" })),
        with("q", json!({ "tools": tools, "tool_choice": "required", "parallel_tool_calls": false })),
        with("q", json!({ "tools": tools, "tool_choice": named })),
        with(prompt, json!({ "tools": tools, "tool_choice": "none" })),
        with(prompt, json!({})),
        with("q", json!({ "tools": tools })),
    ];
    let answers = answers(CHAT, bodies).await;
    let choice = |n: usize| &answers[n]["choices"][0];
    assert_eq!(called(choice(0), prompt), ["first", "second"]);
    assert_eq!(called(choice(1), "q"), ["first", "second"]);
    assert_eq!(called(choice(2), "q"), ["first"]);
    assert_eq!(called(choice(3), "q"), ["third"]);
    for n in 0..4 {
        assert_eq!(choice(n)["finish_reason"], "tool_calls");
        assert_eq!(choice(n)["message"]["content"], Value::Null);
    }
    for n in 4..7 {
        assert_eq!(choice(n)["finish_reason"], "stop");
        assert_eq!(choice(n)["message"].get("tool_calls"), None);
        assert!(text(&choice(n)["message"]["content"]).starts_with("Answer to: "));
    }
}

#[tokio::test]
async fn chat_answers_once_the_results_of_its_calls_are_there() {
    let question = json!({ "role": "user", "content": "[[tools]] q" });
    let call =
        json!({ "id": "call_1", "type": "function", "function": { "name": "first", "arguments": "{}" } });
    let asked = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
    let result = json!({ "role": "tool", "tool_call_id": "call_1", "content": "42" });
    let body = with("", json!({ "messages": [question, asked, result], "tools": nested_tools() }));
    let answers = answers(CHAT, vec![body]).await;
    let choice = &answers[0]["choices"][0];
    assert_eq!(choice["message"]["content"], "Answer to: [[tools]] q");
    assert_eq!(choice["finish_reason"], "stop");
}

#[tokio::test]
async fn a_tool_that_was_not_offered_or_a_choice_that_is_none_is_refused() {
    let bench = Bench::frozen().await;
    let unknown = json!({ "type": "function", "function": { "name": "unheard_of" } });
    let lines = [
        line_to(CHAT, "a", with("q", json!({ "tools": nested_tools(), "tool_choice": unknown }))),
        line_to(CHAT, "b", with("q", json!({ "tools": nested_tools(), "tool_choice": "perhaps" }))),
        line_to(
            CHAT,
            "c",
            with("q", json!({ "tools": nested_tools(), "tool_choice": { "type": "function" } })),
        ),
    ];
    let batch = bench.run(&lines).await;
    let errors = bench.results(&batch, "error_file_id").await;
    assert_eq!(errors.len(), 3);
    for line in errors {
        assert_eq!(line["response"]["status_code"], 400);
        assert!(text(&line["response"]["body"]["error"]["param"]).starts_with("tool_choice"));
    }
}

/// Asserts that the tokens are the text, and that each lists `top` alternatives of which it is the first.
fn check_tokens(tokens: &Value, expected: &str, top: usize) {
    let tokens = tokens.as_array().expect("a list");
    assert_eq!(tokens.iter().map(|token| text(&token["token"])).collect::<String>(), expected);
    for token in tokens {
        assert_eq!(token["bytes"], json!(text(&token["token"]).as_bytes()));
        let alternatives = token["top_logprobs"].as_array().expect("a list");
        assert_eq!(alternatives.len(), top);
        if let Some(first) = alternatives.first() {
            assert_eq!((&first["token"], &first["logprob"]), (&token["token"], &token["logprob"]));
        }
        assert!(alternatives.is_sorted_by(|a, b| a["logprob"].as_f64() > b["logprob"].as_f64()));
    }
}

#[tokio::test]
async fn chat_lists_the_tokens_of_each_choice() {
    let bodies = vec![
        with("übung macht", json!({ "logprobs": true, "top_logprobs": 3, "n": 3 })),
        with("[[refusal]] q", json!({ "logprobs": true, "top_logprobs": 1 })),
        with("q", json!({ "logprobs": true, "tools": nested_tools(), "tool_choice": "required" })),
    ];
    let answers = answers(CHAT, bodies).await;
    let choices = answers[0]["choices"].as_array().expect("a list");
    assert_eq!(choices.len(), 3);
    for (n, choice) in choices.iter().enumerate() {
        let content = format!("Answer to: übung macht (choice {n})");
        assert_eq!(choice["index"], n);
        assert_eq!(choice["message"]["content"], content);
        check_tokens(&choice["logprobs"]["content"], &content, 3);
        assert_eq!(choice["logprobs"]["refusal"], Value::Null);
    }
    let refused = &answers[1]["choices"][0];
    assert_eq!(refused["logprobs"]["content"], Value::Null);
    check_tokens(&refused["logprobs"]["refusal"], text(&refused["message"]["refusal"]), 1);
    assert_eq!(answers[2]["choices"][0]["logprobs"], Value::Null);
    for answer in &answers {
        let usage = &answer["usage"];
        let sum = usage["prompt_tokens"].as_u64().zip(usage["completion_tokens"].as_u64());
        assert_eq!(usage["total_tokens"].as_u64(), sum.map(|(input, output)| input + output));
        assert!(usage["completion_tokens"].as_u64() > Some(0));
    }
}

#[tokio::test]
async fn chat_refuses_breaks_off_and_is_held_back_on_request() {
    let format =
        json!({ "type": "json_schema", "json_schema": { "name": "x", "strict": true, "schema": schema() } });
    let bodies = vec![
        with("[[refusal]] q", json!({ "n": 2, "tools": nested_tools(), "tool_choice": "required" })),
        with("[[length]] q", json!({})),
        with("[[filter]] q", json!({})),
        with("q", json!({ "response_format": format })),
    ];
    let answers = answers(CHAT, bodies).await;
    for choice in answers[0]["choices"].as_array().expect("a list") {
        assert_eq!(choice["message"]["content"], Value::Null);
        assert_eq!(choice["message"]["refusal"], "I am sorry, I cannot help with that.");
        assert_eq!(choice["message"].get("tool_calls"), None);
        assert_eq!(choice["finish_reason"], "stop");
    }
    let ended = |n: usize| {
        let choice = &answers[n]["choices"][0];
        (text(&choice["message"]["content"]).to_owned(), text(&choice["finish_reason"]).to_owned())
    };
    assert_eq!(ended(1), ("Answer to: ".to_owned(), "length".to_owned()));
    assert_eq!(ended(2), (String::new(), "content_filter".to_owned()));
    assert_eq!(parsed(&answers[3]["choices"][0]["message"]["content"]), filled("q"));
}

fn response(prompt: &str, members: Value) -> Value {
    let mut body = json!({ "model": "gpt-4o", "input": prompt });
    for (name, value) in members.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn responses_take_all_forms() {
    let tools = flat_tools();
    let format = json!({ "format": { "type": "json_schema", "name": "x", "schema": schema() } });
    let output = json!([
        { "role": "user", "content": "[[tools]] q" },
        { "type": "function_call", "call_id": "call_1", "name": "first", "arguments": "{}" },
        { "type": "function_call_output", "call_id": "call_1", "output": "42" },
    ]);
    let include = json!(["message.output_text.logprobs"]);
    let named = json!({ "type": "function", "name": "second" });
    let bodies = vec![
        response("[[tools]] q", json!({ "tools": tools })),
        response("q", json!({ "tools": tools, "tool_choice": named, "metadata": { "a": "b" } })),
        response("", json!({ "tools": tools, "input": output })),
        response("q", json!({ "text": format })),
        response("[[refusal]] q", json!({})),
        response("some words", json!({ "include": include, "top_logprobs": 2 })),
        response("[[length]] q", json!({})),
        response("[[filter]] q", json!({})),
    ];
    let answers = answers("/v1/responses", bodies).await;
    let calls = answers[0]["output"].as_array().expect("a list");
    let names: Vec<&str> = calls.iter().map(|call| text(&call["name"])).collect();
    assert_eq!(names, ["first", "second"]);
    for call in calls {
        assert_eq!((&call["type"], &call["status"]), (&json!("function_call"), &json!("completed")));
        assert_eq!(parsed(&call["arguments"]), filled("[[tools]] q"));
    }
    assert_ne!(calls[0]["call_id"], calls[1]["call_id"]);
    assert_eq!(answers[0]["tools"], tools);
    assert_eq!(answers[0]["tool_choice"], "auto");

    assert_eq!(answers[1]["output"].as_array().map(Vec::len), Some(1));
    assert_eq!(answers[1]["output"][0]["name"], "second");
    assert_eq!((&answers[1]["tool_choice"], &answers[1]["metadata"]), (&named, &json!({ "a": "b" })));

    let part = |n: usize| &answers[n]["output"][0]["content"][0];
    assert_eq!(part(2)["text"], "Answer to: [[tools]] q");
    assert_eq!(parsed(&part(3)["text"]), filled("q"));
    assert_eq!(answers[3]["text"], format);
    assert_eq!(*part(4), json!({ "type": "refusal", "refusal": "I am sorry, I cannot help with that." }));
    check_tokens(&part(5)["logprobs"], "Answer to: some words", 2);
    for (n, reason) in [(6, "max_output_tokens"), (7, "content_filter")] {
        assert_eq!(answers[n]["status"], "incomplete");
        assert_eq!(answers[n]["incomplete_details"], json!({ "reason": reason }));
    }
    for answer in &answers[..6] {
        assert_eq!((&answer["status"], &answer["incomplete_details"]), (&json!("completed"), &Value::Null));
        assert!(answer["usage"]["output_tokens"].as_u64() > Some(0));
        let details = json!({ "cached_tokens": 0, "cache_write_tokens": 0 });
        assert_eq!(answer["usage"]["input_tokens_details"], details);
    }
}

#[tokio::test]
async fn completions_answer_each_prompt_n_times_with_tokens() {
    let bodies = vec![
        json!({ "model": "m", "prompt": ["one", "two"], "n": 2, "logprobs": 2 }),
        json!({ "model": "m", "prompt": "ü b", "echo": true, "logprobs": 0 }),
        json!({ "model": "m", "prompt": [[1, 2], [3]] }),
        json!({ "model": "m", "prompt": "[[length]]" }),
    ];
    let answers = answers("/v1/completions", bodies).await;
    let choices = answers[0]["choices"].as_array().expect("a list");
    let texts: Vec<&str> = choices.iter().map(|choice| text(&choice["text"])).collect();
    let expected = ["one (choice 0)", "one (choice 1)", "two (choice 0)", "two (choice 1)"];
    assert_eq!(texts, expected.map(|rest| format!("Answer to: {rest}")));
    for (n, choice) in choices.iter().enumerate() {
        assert_eq!(choice["index"], n);
        let logprobs = &choice["logprobs"];
        let tokens = logprobs["tokens"].as_array().expect("a list");
        assert_eq!(tokens.iter().map(text).collect::<String>(), text(&choice["text"]));
        assert_eq!(logprobs["token_logprobs"].as_array().map(Vec::len), Some(tokens.len()));
        for (token, top) in tokens.iter().zip(logprobs["top_logprobs"].as_array().expect("a list")) {
            assert_eq!(top.as_object().map(|top| top.len()), Some(2));
            assert!(top[text(token)].is_f64());
        }
    }
    let echoed = &answers[1]["choices"][0];
    assert_eq!(echoed["text"], "ü bAnswer to: ü b");
    assert_eq!(echoed["logprobs"]["text_offset"], json!([0, 2, 10, 14, 16]));
    assert_eq!(answers[2]["choices"].as_array().map(Vec::len), Some(2));
    assert_eq!(answers[2]["usage"]["prompt_tokens"], 3);
    assert_eq!(answers[3]["choices"][0]["finish_reason"], "length");
}

#[tokio::test]
async fn embeddings_in_base64_are_the_same_numbers() {
    let body = |format: &str| json!({ "model": "m", "input": ["one", "two"], "dimensions": 5, "encoding_format": format });
    let answers = answers("/v1/embeddings", vec![body("float"), body("base64")]).await;
    let lists = answers.iter().map(|answer| answer["data"].as_array().expect("a list"));
    let [plain, encoded] = lists.collect::<Vec<_>>()[..] else { panic!("two answers") };
    assert_eq!(plain.len(), 2);
    for (plain, encoded) in plain.iter().zip(encoded) {
        let bytes = STANDARD.decode(text(&encoded["embedding"])).expect("base64");
        let numbers: Vec<f32> =
            bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().expect("four bytes"))).collect();
        let expected: Vec<f32> = serde_json::from_value(plain["embedding"].clone()).expect("numbers");
        assert_eq!(numbers, expected);
        assert_eq!(numbers.len(), 5);
    }
}

#[tokio::test]
async fn moderations_judge_texts_and_parts_in_every_category() {
    let parts =
        json!([{ "type": "text", "text": "violence" }, { "type": "image_url", "image_url": { "url": "x" } }]);
    let answers =
        answers("/v1/moderations", vec![json!({ "input": "kind" }), json!({ "input": parts })]).await;
    assert_eq!(answers[0]["results"].as_array().map(Vec::len), Some(1));
    let flagged: Vec<_> =
        answers[1]["results"].as_array().expect("a list").iter().map(|one| &one["flagged"]).collect();
    assert_eq!(flagged, [true, false]);
    let result = &answers[1]["results"][0];
    for member in ["categories", "category_scores", "category_applied_input_types"] {
        assert_eq!(result[member].as_object().map(|members| members.len()), Some(13), "{member}");
    }
    assert_eq!(result["categories"]["violence"], true);
    assert_eq!(result["categories"]["violence/graphic"], false);
}
