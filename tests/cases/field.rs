//! One test for each way in which other gateways of the kind lose requests or answers.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    crowd::{Told, ask, ask_one, lines, nothing_is_paid_twice, questions, statuses},
    process::{Gateway, text, until},
};

async fn post(gateway: &Gateway, body: &Value) -> Told {
    let call = gateway.client.post(format!("{}/chat/completions", gateway.url)).bearer_auth("any");
    Told::read(String::new(), call.json(body).send().await.unwrap()).await
}

#[tokio::test]
async fn a_submission_that_failed_is_told_and_the_same_question_can_be_asked_again() {
    join_all(["upload_file", "create_batch"].map(|operation| async move {
        let gateway = Gateway::start().await;
        gateway.order(json!([{ "operation": operation, "fault": "status_422" }]));
        let told = ask_one(&gateway, "the same").await;
        assert_eq!(
            (told.status, told.headers["x-should-retry"].as_bytes()),
            (422, &b"false"[..]),
            "{told:?}"
        );
        ask_one(&gateway, "the same").await.is_answered();
        nothing_is_paid_twice(&gateway);
    }))
    .await;
}

#[tokio::test]
async fn one_line_that_fails_costs_its_neighbours_nothing() {
    let gateway = Gateway::start().await;
    for (number, told) in ask(&gateway, ["a", "b [[status:400]]", "c", "d"]).await.iter().enumerate() {
        if number == 1 { told.is_refused(400, "invalid_value") } else { told.is_answered() }
    }
}

#[tokio::test]
async fn a_failure_that_only_the_error_file_tells_is_told() {
    let gateway = Gateway::start().await;
    ask_one(&gateway, "alone [[status:404]]").await.is_refused(404, "model_not_found");
    let page = gateway.get_json("/v1/batches").await;
    let batch = &page["data"][0];
    assert!(batch["error_file_id"].is_string() && batch["output_file_id"].is_null(), "{batch}");
}

#[tokio::test]
async fn a_look_that_failed_abandons_no_batch() {
    join_all(["status_500", "status_404", "answer_lost", "cut"].map(|fault| async move {
        let gateway = Gateway::start().await;
        gateway.order(json!([{ "operation": "retrieve_batch", "fault": fault }]));
        ask_one(&gateway, fault).await.is_answered();
        assert_eq!(gateway.ledger().faults[fault], 1);
        assert_eq!(lines(&gateway), [1]);
    }))
    .await;
}

#[tokio::test]
async fn a_line_of_two_hundred_kilobytes_survives_a_crash() {
    let mut gateway = Gateway::with(Duration::from_secs(2), &[]).await;
    let prompt = "long ".repeat(40 << 10);
    let cut_off = tokio::spawn(gateway.chat("m", &prompt).send());
    until(async || gateway.ledger().retrieves > 0).await;
    gateway.crash().await;
    assert!(cut_off.await.unwrap().is_err());
    let again = gateway.chat("m", &prompt).header("x-stainless-retry-count", "1").send().await.unwrap();
    let told = Told::read(prompt, again).await;
    told.is_answered();
    told.was_executed(&gateway, 1);
    assert_eq!(statuses(&gateway), ["completed"]);
}

#[tokio::test]
async fn members_that_nobody_here_knows_travel_both_ways() {
    let gateway = Gateway::start().await;
    let answer = r#"{"id":"chatcmpl-1","choices":[{"message":{"role":"assistant","content":"x","refusal":null,"annotations":[]},"logprobs":null}],"service_tier":"batch","new":{"n":1.0}}"#;
    gateway.adjust(json!({ "knobs": { "canned_body": answer } })).await;
    let question = json!({
        "model": "m", "temperature": 0, "reasoning_effort": "low", "metadata": { "run": "7" }, "unheard_of": [null],
        "response_format": { "type": "json_schema", "json_schema": { "name": "x", "schema": { "type": "object" } } },
        "messages": [{ "role": "user", "content": "x" }],
    });
    let told = post(&gateway, &question).await;
    assert_eq!((told.status, told.body.as_str()), (200, answer));
    let page = gateway.get_json("/v1/batches").await;
    let file = page["data"][0]["input_file_id"].as_str().unwrap();
    let call = gateway.client.get(format!("{}/files/{file}/content", gateway.simulator.base_url()));
    let line: Value = call.bearer_auth("any").send().await.unwrap().json().await.unwrap();
    assert_eq!(line["body"], question);
}

#[tokio::test]
async fn content_that_is_null_or_in_parts_is_taken() {
    let gateway = Gateway::start().await;
    let call = json!({ "id": "call_1", "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let told = post(
        &gateway,
        &json!({ "model": "m", "messages": [
        { "role": "user", "content": [{ "type": "text", "text": "What is it?" }] },
        { "role": "assistant", "content": null, "tool_calls": [call] },
        { "role": "tool", "tool_call_id": "call_1", "content": "it" },
    ] }),
    )
    .await;
    assert_eq!(told.status, 200, "{told:?}");
    assert_eq!(text(&serde_json::from_str(&told.body).unwrap()), "Answer to: What is it?");
}

#[tokio::test]
async fn an_expired_batchs_finished_lines_are_delivered() {
    let settings = [("BATCH_GPT_MAX_ATTEMPTS", "1"), ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "2000")];
    let gateway = Gateway::with(Duration::from_millis(200), &settings).await;
    gateway.order(json!([{ "operation": "create_batch", "fault": "batch_expires" }]));
    let told = ask(&gateway, questions(10)).await;
    let (answered, expired): (Vec<_>, Vec<_>) = told.iter().partition(|told| told.status == 200);
    assert_eq!((answered.len(), expired.len()), (5, 5));
    answered.iter().for_each(|told| told.is_answered());
    expired.iter().for_each(|told| told.is_refused(504, "batch_expired"));
}
