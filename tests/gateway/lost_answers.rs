//! Calls to the upstream whose answer is lost, or that go wrong before or after their work is done.

use std::time::Duration;

use batch_gpt_simulator::FaultOrder;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::process::{Gateway, text};

/// Ten clients, while these faults are met; everybody gets the own answer from one batch.
async fn outlived(faults: Value) -> Gateway {
    let gateway = Gateway::start().await;
    let orders: Vec<FaultOrder> = serde_json::from_value(faults.clone()).unwrap();
    gateway.simulator.order_faults(orders);
    let calls = (0..10).map(|n| gateway.chat("m", &format!("{n}")).send());
    for (n, answer) in join_all(calls).await.into_iter().enumerate() {
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200, "{faults}");
        assert_eq!(text(&answer.json().await.unwrap()), format!("Answer to: {n}"));
    }
    let ledger = gateway.ledger();
    assert_eq!(ledger.batches.len(), 1, "{faults} led to {} batches", ledger.batches.len());
    assert!(ledger.executions.values().all(|count| *count == 1), "{faults}");
    assert_eq!(ledger.executions.len(), 10, "{faults}");
    gateway
}

#[tokio::test]
async fn a_creation_that_happened_is_found_and_not_repeated() {
    let faults = ["answer_lost", "status_500", "status_504", "status_502"];
    join_all(faults.map(|fault| async move {
        let gateway =
            outlived(json!([{ "operation": "create_batch", "fault": fault, "committed": true }])).await;
        assert_eq!(gateway.ledger().requests["create_batch"], 1, "{fault}");
    }))
    .await;
}

#[tokio::test]
async fn a_creation_that_did_not_happen_is_repeated_after_a_look() {
    let faults = ["request_lost", "status_500"];
    join_all(faults.map(|fault| async move {
        let gateway = outlived(json!([{ "operation": "create_batch", "fault": fault }])).await;
        let ledger = gateway.ledger();
        assert_eq!(ledger.requests["create_batch"], 2, "{fault}");
        assert!(ledger.requests["list_batches"] >= 1, "{fault}");
    }))
    .await;
}

#[tokio::test]
async fn a_creation_that_is_listed_late_is_found_all_the_same() {
    let slowly = [("BATCH_GPT_POLLING_MIN_INTERVAL_MS", "1000")];
    let gateway = Gateway::with(Duration::from_millis(200), &slowly).await;
    let settings = json!({ "faults": { "list_lag_ms": 4000, "retrieve_lag_ms": 4000 } });
    let url = format!("{}/settings", gateway.simulator.control_url());
    assert!(gateway.client.post(url).json(&settings).send().await.unwrap().status().is_success());
    let orders = json!([{ "operation": "create_batch", "fault": "answer_lost" }]);
    gateway.simulator.order_faults(serde_json::from_value(orders).unwrap());
    let answer = gateway.chat("m", "late").send().await.unwrap();
    assert_eq!(text(&answer.json().await.unwrap()), "Answer to: late");
    assert_eq!(gateway.ledger().creates, 1);
}

#[tokio::test]
async fn an_upload_that_happened_is_found_and_not_repeated() {
    let gateway = outlived(json!([{ "operation": "upload_file", "fault": "answer_lost" }])).await;
    assert_eq!(gateway.ledger().uploads, 1);
    let gateway = outlived(json!([{ "operation": "upload_file", "fault": "request_lost" }])).await;
    assert_eq!(gateway.ledger().uploads, 1);
}

#[tokio::test]
async fn a_download_that_is_cut_is_read_again() {
    let cuts = ["cut", "cut_chunked", "request_lost", "status_502", "status_404"];
    join_all(cuts.map(|fault| async move {
        outlived(json!([{ "operation": "file_content", "fault": fault, "bytes": 700 }])).await;
    }))
    .await;
}

#[tokio::test]
async fn looks_that_fail_lead_to_later_looks() {
    outlived(json!([
        { "operation": "retrieve_batch", "fault": "status_500", "times": 2 },
        { "operation": "retrieve_batch", "fault": "status_404", "after": 2 },
        { "operation": "retrieve_batch", "fault": "answer_lost", "after": 3 },
        { "operation": "upload_file", "fault": "status_429", "retry_after_ms": 300 },
        { "operation": "create_batch", "fault": "status_429", "retry_after": 1 },
    ]))
    .await;
}

#[tokio::test]
async fn a_client_that_was_cut_off_gets_the_outcome_of_its_first_request() {
    let gateway = Gateway::with(Duration::from_secs(2), &[]).await;
    let body = r#"{"model":"m","messages":[{"role":"user","content":"cut"}],"seed":9007199254740993}"#;
    let post = |body: &str, resent: bool| {
        let call = gateway.client.post(format!("{}/chat/completions", gateway.url)).bearer_auth("any");
        let call = call.header("content-type", "application/json").body(body.to_owned());
        if resent { call.header("x-stainless-retry-count", "1") } else { call }
    };
    let cut = tokio::spawn(post(body, false).send());
    gateway.waiting(1).await;
    gateway.waiting(0).await;
    cut.abort();
    // The same but for its order, and another whose seed a double could not tell apart.
    let same = r#"{"seed":9007199254740993,"messages":[{"content":"cut","role":"user"}],"model":"m"}"#;
    let other = same.replace("40993", "40992");
    let (same, other) = tokio::join!(post(same, true).send(), post(&other, true).send());
    assert_eq!(
        (same.unwrap().status(), other.unwrap().status()),
        (reqwest::StatusCode::OK, reqwest::StatusCode::OK)
    );
    assert_eq!(gateway.ledger().executed_lines, 2);
}
