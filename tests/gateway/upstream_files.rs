//! What becomes of a batch's files upstream.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::process::{Gateway, text, until};

const REMOVES: (&str, &str) = ("BATCH_GPT_DELETE_UPSTREAM_FILES", "on");
const QUICK: Duration = Duration::from_millis(200);

/// All files upstream.
async fn files(gateway: &Gateway) -> Vec<Value> {
    let call = gateway.client.get(format!("{}/files", gateway.simulator.base_url())).bearer_auth("any");
    let list: Value = call.send().await.unwrap().json().await.unwrap();
    list["data"].as_array().unwrap().clone()
}

async fn are_gone(gateway: &Gateway) {
    until(async || files(gateway).await.is_empty()).await;
}

fn removals(gateway: &Gateway) -> u64 {
    gateway.ledger().requests.get("delete_file").copied().unwrap_or(0)
}

#[tokio::test]
async fn all_files_of_a_settled_batch_are_removed() {
    let gateway = Gateway::with(QUICK, &[REMOVES, ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "1000")]).await;
    let (good, bad) = (gateway.chat("m", "good"), gateway.chat("m", "bad [[status:400]]"));
    let (good, bad) = tokio::join!(good.send(), bad.send());
    assert_eq!(text(&good.unwrap().json().await.unwrap()), "Answer to: good");
    assert_eq!(bad.unwrap().status(), 400);
    are_gone(&gateway).await;
    assert_eq!((gateway.ledger().batches.len(), removals(&gateway)), (1, 3), "lines, answers and errors");
}

#[tokio::test]
async fn a_file_stays_while_its_batch_runs() {
    let gateway = Gateway::with(Duration::from_secs(2), &[REMOVES]).await;
    let asked = tokio::spawn(gateway.chat("m", "slow").send());
    until(async || gateway.ledger().batches.iter().any(|batch| batch.status == "in_progress")).await;
    assert_eq!((files(&gateway).await.len(), removals(&gateway)), (1, 0));
    assert_eq!(asked.await.unwrap().unwrap().status(), 200);
    are_gone(&gateway).await;
}

#[tokio::test]
async fn the_file_of_a_batch_that_was_refused_is_removed() {
    let gateway = Gateway::with(QUICK, &[REMOVES]).await;
    gateway.order(json!([{ "operation": "create_batch", "fault": "status_422" }]));
    assert_eq!(gateway.chat("m", "refused").send().await.unwrap().status(), 422);
    are_gone(&gateway).await;
    assert_eq!(removals(&gateway), 1);
}

#[tokio::test]
async fn a_removal_that_fails_holds_nobody_up_and_is_tried_again() {
    let gateway = Gateway::with(QUICK, &[REMOVES]).await;
    gateway.order(json!([
        { "operation": "delete_file", "fault": "status_500", "times": 2 },
        { "operation": "delete_file", "fault": "answer_lost" },
        { "operation": "delete_file", "fault": "status_429" },
    ]));
    for prompt in ["one", "two"] {
        let answer = gateway.chat("m", prompt).send().await.unwrap();
        assert_eq!(text(&answer.json().await.unwrap()), format!("Answer to: {prompt}"));
    }
    are_gone(&gateway).await;
    let trouble = gateway.get("/readyz?verbose").await;
    assert_eq!(trouble.status(), StatusCode::OK);
    assert!(!trouble.text().await.unwrap().contains("[!]upstream"));
}

#[tokio::test]
async fn a_gateway_that_dies_before_the_removal_removes_in_its_next_life() {
    let mut gateway = Gateway::with(QUICK, &[REMOVES]).await;
    gateway.order(json!([{ "operation": "delete_file", "fault": "status_500", "times": 1 }]));
    assert_eq!(gateway.chat("m", "answered").send().await.unwrap().status(), 200);
    gateway.says("is not removed upstream").await;
    gateway.crash().await;
    are_gone(&gateway).await;
}

#[tokio::test]
async fn files_stay_where_that_is_wanted_and_expire_as_it_is_set() {
    let settings = [("BATCH_GPT_UPSTREAM_FILES_EXPIRE_DAYS", "4")];
    let mut gateway = Gateway::with(QUICK, &settings).await;
    assert_eq!(gateway.chat("m", "kept").send().await.unwrap().status(), 200);
    gateway.says(": settled").await;
    let files = files(&gateway).await;
    assert_eq!((files.len(), removals(&gateway)), (2, 0));
    for file in files {
        let life = file["expires_at"].as_u64().unwrap() - file["created_at"].as_u64().unwrap();
        assert_eq!(life, 4 * 86_400, "{file}");
    }
}
