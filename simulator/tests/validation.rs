//! Validation of input files (contract, section 7A, cases 26 to 38).

mod support;

use batch_gpt_simulator::{Limits, Settings};
use serde_json::{Value, json};
use support::*;

/// Submits `content`, expects the batch to fail, checks what all failed batches share, and returns the errors.
async fn errors_of(bench: &Bench, content: impl Into<Vec<u8>>) -> Vec<Value> {
    let id = bench.submit(content).await;
    let batch = bench.finish(&id).await;
    assert_eq!(batch["status"], "failed", "{batch}");
    assert!(batch["failed_at"].is_u64());
    for absent in ["in_progress_at", "completed_at", "output_file_id", "error_file_id"] {
        assert_eq!(batch[absent], Value::Null);
    }
    assert_eq!(batch["errors"]["object"], "list");
    assert_eq!(bench.simulator.ledger().executed_lines, 0);
    batch["errors"]["data"].as_array().expect("a list").clone()
}

/// Code, param and line of each error.
fn briefly(errors: &[Value]) -> Vec<(&str, Option<&str>, Option<u64>)> {
    errors
        .iter()
        .map(|error| (text(&error["code"]), error["param"].as_str(), error["line"].as_u64()))
        .collect()
}

/// A good line followed by one whose top-level members were changed.
fn altered(change: impl Fn(&mut Value)) -> String {
    let mut line: Value = serde_json::from_str(&chat_line("b", "two")).expect("JSON");
    change(&mut line);
    file_of(&[chat_line("a", "one"), line.to_string()])
}

fn remove(object: &mut Value, name: &str) {
    object.as_object_mut().expect("an object").remove(name);
}

#[tokio::test]
async fn case_26_broken_second_line() {
    let bench = Bench::frozen().await;
    let errors = errors_of(&bench, format!("{}{{broken\n{}", chat_file(1), chat_line("z", "last"))).await;
    assert_eq!(briefly(&errors), [("invalid_json_line", None, Some(2))]);
    assert_eq!(errors[0]["message"], "This line is not parseable as valid JSON.");
    for second in ["", "[]", "5", "\"text\"", "{\"custom_id\":\"x\",\"custom_id\":\"y\"}"] {
        let errors = errors_of(&bench, format!("{}{second}\n", chat_file(1))).await;
        assert_eq!(briefly(&errors), [("invalid_json_line", None, Some(2))], "{second:?}");
    }
    let not_utf8 = [chat_file(1).as_bytes(), b"{\"custom_id\":\"\xFF\"}"].concat();
    assert_eq!(briefly(&errors_of(&bench, not_utf8).await), [("invalid_json_line", None, Some(2))]);
}

#[tokio::test]
async fn case_27_byte_order_mark() {
    let bench = Bench::frozen().await;
    let errors = errors_of(&bench, format!("\u{FEFF}{}", chat_file(2))).await;
    assert_eq!(briefly(&errors), [("invalid_json_line", None, Some(1))]);
}

#[tokio::test]
async fn case_28_missing_members() {
    let bench = Bench::frozen().await;
    let names = ["custom_id", "method", "url", "body"];
    let lines = names.map(|name| {
        let mut line: Value = serde_json::from_str(&chat_line(name, "text")).expect("JSON");
        remove(&mut line, name);
        line.to_string()
    });
    let errors = errors_of(&bench, file_of(&lines)).await;
    let expected: Vec<_> =
        (1..).zip(names).map(|(n, name)| ("missing_required_parameter", Some(name), Some(n))).collect();
    assert_eq!(briefly(&errors), expected);
    assert_eq!(errors[3]["message"], "Missing required parameter: 'body'.");
}

#[tokio::test]
async fn case_29_url_differs_from_the_endpoint() {
    let bench = Bench::frozen().await;
    let errors = errors_of(&bench, altered(|line| line["url"] = json!("/v1/embeddings"))).await;
    assert_eq!(briefly(&errors), [("invalid_url", Some("url"), Some(2))]);
    assert_eq!(errors[0]["message"], "The URL provided for this request does not match the batch endpoint.");
}

#[tokio::test]
async fn case_30_method_is_not_post() {
    let bench = Bench::frozen().await;
    let errors = errors_of(&bench, altered(|line| line["method"] = json!("GET"))).await;
    assert_eq!(briefly(&errors), [("invalid_method", Some("method"), Some(2))]);
}

#[tokio::test]
async fn case_31_streaming() {
    let bench = Bench::frozen().await;
    let errors = errors_of(&bench, altered(|line| line["body"]["stream"] = json!(true))).await;
    assert_eq!(briefly(&errors), [("streaming_unsupported", Some("body.stream"), Some(2))]);
    assert_eq!(errors[0]["message"], "Chat Completions: Streaming is not supported in the Batch API.");
    let id = bench.submit(altered(|line| line["body"]["stream"] = json!(false))).await;
    assert_eq!(bench.finish(&id).await["status"], "completed");
}

#[tokio::test]
async fn case_32_unknown_model() {
    let bench = Bench::frozen().await;
    bench.patch(json!({ "knobs": { "models": ["gpt-4o-mini"] } })).await;
    for model in ["unsupported-model", "gpt-9"] {
        let errors = errors_of(&bench, altered(|line| line["body"]["model"] = json!(model))).await;
        assert_eq!(briefly(&errors), [("model_not_found", Some("body.model"), Some(2))]);
        let message = format!("The provided model '{model}' is not supported by the Batch API.");
        assert_eq!(errors[0]["message"], message);
    }
}

#[tokio::test]
async fn case_33_model_or_messages_missing() {
    let bench = Bench::frozen().await;
    let mut no_model = chat_body("one");
    remove(&mut no_model, "model");
    let mut no_messages = chat_body("two");
    remove(&mut no_messages, "messages");
    let lines = [line_to(CHAT, "a", no_model), line_to(CHAT, "b", no_messages)];
    let errors = errors_of(&bench, file_of(&lines)).await;
    let expected = [
        ("invalid_request", Some("body.model"), Some(1)),
        ("invalid_request", Some("body.messages"), Some(2)),
    ];
    assert_eq!(briefly(&errors), expected);
    assert_eq!(errors[0]["message"], "Model parameter is required.");
    assert_eq!(errors[1]["message"], "Messages parameter is required.");
}

#[tokio::test]
async fn case_34_two_models() {
    let bench = Bench::frozen().await;
    let errors = errors_of(&bench, altered(|line| line["body"]["model"] = json!("gpt-4o"))).await;
    assert_eq!(briefly(&errors), [("mismatched_model", Some("body.model"), Some(2))]);
}

#[tokio::test]
async fn case_35_duplicate_custom_id() {
    let bench = Bench::frozen().await;
    // The escape makes the lines differ in bytes but not in value.
    let lines = [chat_line("ab", "one"), chat_line("ab", "two").replace("\"ab\"", r#""\u0061b""#)];
    let errors = errors_of(&bench, file_of(&lines)).await;
    assert_eq!(briefly(&errors), [("duplicate_custom_id", Some("custom_id"), Some(2))]);
}

#[tokio::test]
async fn case_36_number_of_lines() {
    let bench = Bench::frozen().await;
    let errors = errors_of(&bench, chat_file(50_001)).await;
    assert_eq!(briefly(&errors), [("too_many_requests", None, None)]);
    let id = bench.submit(chat_file(50_000)).await;
    let batch = bench.finish(&id).await;
    assert_eq!(batch["status"], "completed");
    assert_eq!(batch["request_counts"], json!({ "total": 50_000, "completed": 50_000, "failed": 0 }));
    let output = String::from_utf8(bench.content(text(&batch["output_file_id"])).await).expect("UTF-8");
    assert_eq!(output.lines().count(), 50_000);
    let ledger = bench.simulator.ledger();
    assert_eq!(ledger.paid_lines, 50_000);
    assert!(ledger.executions.values().all(|&count| count == 1));
}

#[tokio::test]
async fn case_37_enqueued_tokens() {
    // Ten prompts are 100 tokens: one such file fits, two do not.
    let content = chat_file(10);
    let limits = Limits { enqueued_tokens: Some(150), ..Limits::default() };
    let bench = Bench::with(Settings { limits, ..frozen() }).await;
    let file = bench.upload(content).await;
    let first = bench.create(&file).await;
    bench.advance(1).await;
    let second = bench.create(&file).await;
    bench.advance(VALIDATING + 1).await;
    assert_eq!(bench.batch(&first).await["status"], "in_progress");
    let refused = bench.batch(&second).await;
    assert_eq!(refused["status"], "failed");
    let error = &refused["errors"]["data"][0];
    assert_eq!(error["code"], "token_limit_exceeded");
    assert_eq!(error["line"], Value::Null);
    let message = "Enqueued token limit reached for gpt-4o-mini in organization org-simulator. Limit: 150 \
                   enqueued tokens. Please try again once some in_progress batches have been completed.";
    assert_eq!(error["message"], message);
    bench.finish(&first).await;
    let third = bench.create(&file).await;
    assert_eq!(bench.finish(&third).await["status"], "completed");
}

#[tokio::test]
async fn case_37_enqueued_tokens_of_each_model() {
    let mut limits = Limits { enqueued_tokens: Some(5), ..Limits::default() };
    limits.enqueued_tokens_by_model.insert("gpt-4o-mini".to_owned(), 150);
    let bench = Bench::with(Settings { limits, ..frozen() }).await;
    bench.run(&[chat_line("a", "fine")]).await;
    let mut body = chat_body("too much");
    body["model"] = json!("other");
    let id = bench.submit(file_of(&[line_to(CHAT, "a", body)])).await;
    let error = bench.finish(&id).await["errors"]["data"][0].clone();
    assert_eq!(error["code"], "token_limit_exceeded");
    assert!(text(&error["message"]).contains("reached for other in organization org-simulator. Limit: 5 "));
}

#[tokio::test]
async fn case_38_one_bad_line_stops_all() {
    let bench = Bench::frozen().await;
    let content = chat_file(50) + "{}\n" + &chat_file(100).lines().skip(50).collect::<Vec<_>>().join("\n");
    let errors = errors_of(&bench, content).await;
    assert!(errors.iter().all(|error| error["line"] == 51));
    let ledger = bench.simulator.ledger();
    assert_eq!((ledger.executed_lines, ledger.executions.len()), (0, 0));
}

#[tokio::test]
async fn long_error_lists_are_cut() {
    let bench = Bench::frozen().await;
    let content = chat_file(1) + &"{}\n".repeat(500);
    assert_eq!(errors_of(&bench, content).await.len(), 100);
}
