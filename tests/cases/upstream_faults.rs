//! Cases 35 to 39 and 42 to 44: calls to the upstream that go wrong before, in or after their work.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Response;
use serde_json::{Value, json};

use crate::{
    crowd::{Crowd, ask, ask_one, nothing_is_paid_twice, questions, statuses},
    process::{Gateway, simulator, text, until},
};

const WIDE: (&str, &str) = ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "1000");

/// Ten clients, while these faults are met and the upstream has these settings; everybody gets the own answer from
/// one batch.
async fn outlived_with(settings: Value, faults: Value) -> Gateway {
    let gateway = Gateway::with(Duration::from_millis(200), &[WIDE]).await;
    gateway.adjust(settings).await;
    gateway.order(faults.clone());
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

async fn outlived(faults: Value) -> Gateway {
    outlived_with(json!({}), faults).await
}

#[tokio::test]
async fn case_35_an_upload_that_fails_twice_makes_one_batch() {
    let gateway = outlived(json!([{ "operation": "upload_file", "fault": "status_500", "times": 2 }])).await;
    assert_eq!(gateway.ledger().uploads, 1);
}

#[tokio::test]
async fn case_35_an_upload_that_happened_is_found_and_not_repeated() {
    join_all(["answer_lost", "request_lost"].map(|fault| async move {
        let gateway = outlived(json!([{ "operation": "upload_file", "fault": fault }])).await;
        assert_eq!(gateway.ledger().uploads, 1, "{fault}");
    }))
    .await;
}

#[tokio::test]
async fn case_36_a_creation_that_happened_is_found_and_not_repeated() {
    let faults = ["answer_lost", "status_500", "status_504", "status_502"];
    join_all(faults.map(|fault| async move {
        let gateway =
            outlived(json!([{ "operation": "create_batch", "fault": fault, "committed": true }])).await;
        assert_eq!(gateway.ledger().requests["create_batch"], 1, "{fault}");
    }))
    .await;
}

#[tokio::test]
async fn case_36_a_creation_that_did_not_happen_is_repeated_after_a_look() {
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
async fn case_36_a_creation_that_is_listed_late_is_found_all_the_same() {
    let slowly = [("BATCH_GPT_POLLING_MIN_INTERVAL_MS", "400")];
    let gateway = Gateway::with(Duration::from_millis(200), &slowly).await;
    gateway.adjust(json!({ "faults": { "list_lag_ms": 1500, "retrieve_lag_ms": 1500 } })).await;
    gateway.order(json!([{ "operation": "create_batch", "fault": "answer_lost" }]));
    ask_one(&gateway, "late").await.is_answered();
    assert_eq!(gateway.ledger().creates, 1);
}

#[tokio::test]
async fn case_36_of_two_creations_one_is_used_and_the_orphan_is_cancelled() {
    let gateway = Gateway::with(Duration::from_millis(200), &[WIDE]).await;
    // The first is listed too late to be found. Nothing is executed before the orphan is cancelled.
    gateway
        .adjust(json!({ "faults": { "list_lag_ms": 3_600_000 }, "timing": { "validating_ms": 3_600_000 } }))
        .await;
    gateway.order(json!([{ "operation": "create_batch", "fault": "answer_lost", "times": 2 }]));
    let clients = Crowd::send(&gateway, questions(10));
    until(async || gateway.ledger().creates == 2).await;
    gateway.adjust(json!({ "faults": { "list_lag_ms": 0 } })).await;
    until(async || statuses(&gateway) == ["validating", "cancelled"]).await;
    gateway.adjust(json!({ "timing": { "validating_ms": 50 } })).await;
    for told in clients.told().await {
        told.is_answered();
        told.was_executed(&gateway, 1);
    }
    assert_eq!(statuses(&gateway), ["completed", "cancelled"]);
    assert_eq!(gateway.ledger().requests["cancel_batch"], 1);
}

#[tokio::test]
async fn case_37_a_download_that_is_cut_is_read_again() {
    let cuts = ["cut", "cut_chunked", "request_lost", "short", "short_chunked"];
    join_all(cuts.map(|fault| async move {
        outlived(json!([{ "operation": "file_content", "fault": fault, "bytes": 700 }])).await;
    }))
    .await;
}

#[tokio::test]
async fn case_38_results_that_cannot_be_downloaded_yet_are_waited_for() {
    join_all([404, 502].map(|status| async move {
        let lag = json!({ "faults": { "content_lag_ms": 3_000, "content_lag_status": status } });
        let gateway = outlived_with(lag, json!([])).await;
        assert!(gateway.ledger().faults["content_lag"] >= 2, "{status}");
    }))
    .await;
}

#[tokio::test]
async fn case_39_a_batch_whose_file_was_not_found_is_submitted_again() {
    let settings = [WIDE, ("BATCH_GPT_MAX_ATTEMPTS", "1")];
    let gateway = Gateway::with(Duration::from_millis(200), &settings).await;
    gateway.order(json!([{ "operation": "create_batch", "fault": "cannot_find_file", "times": 2 }]));
    for told in ask(&gateway, questions(10)).await {
        told.is_answered();
        told.was_executed(&gateway, 1);
    }
    assert_eq!(statuses(&gateway), ["failed", "failed", "completed"]);
    nothing_is_paid_twice(&gateway);
}

#[tokio::test]
async fn case_39_a_file_that_is_not_found_at_the_creation_is_submitted_again() {
    let settings = [WIDE, ("BATCH_GPT_MAX_ATTEMPTS", "1")];
    let gateway = Gateway::with(Duration::from_millis(200), &settings).await;
    gateway.adjust(json!({ "knobs": { "missing_file_refused_at_create": true } })).await;
    gateway.order(json!([{ "operation": "create_batch", "fault": "cannot_find_file" }]));
    ask(&gateway, questions(10)).await.iter().for_each(|told| told.is_answered());
    nothing_is_paid_twice(&gateway);
}

#[tokio::test]
async fn case_40_looks_that_fail_lead_to_later_looks() {
    let faults = [
        json!({ "fault": "status_500", "times": 2 }),
        json!({ "fault": "status_502" }),
        json!({ "fault": "status_429", "retry_after": 1 }),
        json!({ "fault": "status_429", "retry_after_ms": 300, "times": 2 }),
        json!({ "fault": "status_404" }),
        json!({ "fault": "answer_lost" }),
    ];
    join_all(faults.map(|mut fault| async move {
        fault["operation"] = "retrieve_batch".into();
        outlived(json!([fault])).await;
    }))
    .await;
}

#[tokio::test]
async fn case_40_calls_that_are_told_to_come_later_come_later() {
    outlived(json!([
        { "operation": "upload_file", "fault": "status_429", "retry_after_ms": 300 },
        { "operation": "create_batch", "fault": "status_429", "retry_after": 1 },
    ]))
    .await;
}

#[tokio::test]
async fn case_42_a_batch_that_seems_to_go_back_is_watched_on() {
    let gateway =
        outlived(json!([{ "operation": "retrieve_batch", "fault": "stale_status", "times": 5 }])).await;
    assert_eq!(gateway.ledger().faults["stale_status"], 5);
}

/// What `/readyz?verbose` says of the upstream.
async fn word_on_the_upstream(gateway: &Gateway) -> Option<String> {
    let ready: Response = gateway.get("/readyz?verbose").await;
    assert_eq!(ready.status(), 200, "trouble with the upstream leaves the gateway ready");
    let text = ready.text().await.unwrap();
    text.lines().find(|line| line.starts_with("[!]upstream")).map(str::to_owned)
}

#[tokio::test]
async fn case_43_clients_are_not_told_that_the_gateways_key_is_refused_as_if_it_were_theirs() {
    join_all([401, 403].map(|status| async move {
        let mut gateway = Gateway::start().await;
        assert_eq!(word_on_the_upstream(&gateway).await, None);
        let fault = format!("status_{status}");
        gateway.order(json!([{ "operation": "any", "fault": fault, "times": null }]));
        let told = ask_one(&gateway, "whose key?").await;
        told.is_refused(502, "upstream_credentials_refused");
        assert!(word_on_the_upstream(&gateway).await.is_some());
        let said = gateway.says("ERROR").await;
        assert!(said.contains(&status.to_string()), "{said}");
        gateway.simulator.clear_faults();
        ask_one(&gateway, "and now?").await.is_answered();
        assert_eq!(word_on_the_upstream(&gateway).await, None);
    }))
    .await;
}

#[tokio::test]
async fn case_43_a_key_that_is_refused_while_a_batch_is_under_way_loses_no_answer() {
    let gateway = Gateway::launch(simulator(Duration::from_secs(1)).await, &[WIDE], " serves ").await;
    let clients = Crowd::send(&gateway, questions(5));
    until(async || gateway.ledger().retrieves > 0).await;
    gateway.order(json!([{ "operation": "retrieve_batch", "fault": "status_401", "times": null }]));
    until(async || word_on_the_upstream(&gateway).await.is_some()).await;
    gateway.simulator.clear_faults();
    for told in clients.told().await {
        told.is_answered();
        told.was_executed(&gateway, 1);
    }
    assert_eq!(word_on_the_upstream(&gateway).await, None);
}

#[tokio::test]
async fn case_44_a_cancellation_that_comes_too_late_is_told_once() {
    // The gateway does not look by itself.
    let settings = [
        ("BATCH_GPT_POLLING_MIN_INTERVAL_MS", "3600000"),
        ("COLLECT_BATCH_STATS_POLLING_MAX_INTERVAL_SECONDS", "3600"),
    ];
    let gateway = Gateway::with(Duration::from_secs(60), &settings).await;
    let clients = Crowd::send(&gateway, questions(3));
    let listed = async || gateway.get_json("/v1/batches").await["data"][0]["id"].is_string();
    until(listed).await;
    gateway.simulator.advance(Duration::from_secs(120));
    assert_eq!(statuses(&gateway), ["completed"]);
    let page = gateway.get_json("/v1/batches").await;
    let batch = page["data"][0]["id"].as_str().unwrap();
    let call = gateway.client.post(format!("{}/batches/{batch}/cancel", gateway.url)).bearer_auth("any");
    let refused = call.send().await.unwrap();
    assert_eq!(refused.status(), 409);
    assert_eq!(refused.headers()["x-should-retry"], "false");
    // What the refusal shows is that the batch has ended.
    clients.told().await.iter().for_each(|told| told.is_answered());
    assert_eq!(gateway.ledger().requests["cancel_batch"], 1);
}
