//! Cases 20 and 21: how much the upstream takes at a time, and how often.

use std::time::Duration;

use batch_gpt_simulator::BatchEntry;
use serde_json::{Value, json};

use crate::{
    crowd::{Crowd, Told, ask, ask_one, lines, nothing_is_paid_twice, questions, statuses},
    process::{Gateway, until},
};

/// A gateway whose batches hold so many requests, in front of an upstream that queues so many tokens for a model.
async fn gateway(batch: &str, tokens: u64) -> Gateway {
    let settings = [("BATCH_GPT_MAX_BATCH_REQUESTS", batch), ("BATCH_GPT_MAX_ATTEMPTS", "1")];
    let gateway = Gateway::with(Duration::from_millis(500), &settings).await;
    gateway.adjust(json!({ "limits": { "enqueued_tokens": tokens } })).await;
    gateway
}

/// The questions of each batch that was executed, in the order in which the batches were.
async fn executed(gateway: &Gateway) -> Vec<Vec<String>> {
    let mut executed = Vec::new();
    for batch in gateway.ledger().batches.iter().filter(|batch| batch.status == "completed") {
        let batch = gateway.get_json(&format!("/v1/batches/{}", batch.id)).await;
        let file = batch["input_file_id"].as_str().unwrap();
        let call = gateway.client.get(format!("{}/files/{file}/content", gateway.simulator.base_url()));
        let content = call.bearer_auth("any").send().await.unwrap().text().await.unwrap();
        let question = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["body"]["messages"][0]["content"].as_str().unwrap().to_owned()
        };
        executed.push(content.lines().map(question).collect());
    }
    executed
}

#[tokio::test]
async fn case_20_a_lane_is_held_back_while_the_upstreams_queue_is_full_and_keeps_its_order() {
    // Ten tokens a question: one batch fits, two do not.
    let gateway = gateway("3", 50).await;
    let questions = questions(12);
    let mut ids = Vec::new();
    for question in &questions {
        // A receipt says that the request has its place.
        let receipt = gateway.chat("m", question).header("prefer", "respond-async").send().await.unwrap();
        ids.push(receipt.headers()["x-batch-gpt-request-id"].to_str().unwrap().to_owned());
    }
    for (id, question) in ids.iter().zip(&questions) {
        Told::read(question.clone(), gateway.end_of(id).await).await.is_answered();
    }
    assert_eq!(executed(&gateway).await.concat(), questions);
    nothing_is_paid_twice(&gateway);
    let refusals = statuses(&gateway).iter().filter(|status| *status == "failed").count();
    assert!((1..=4).contains(&refusals), "the limit is learned: {:?}", statuses(&gateway));
}

#[tokio::test]
async fn case_20_a_batch_above_the_upstreams_limit_is_halved() {
    let gateway = gateway("8", 60).await;
    ask(&gateway, questions(8)).await.iter().for_each(|told| told.is_answered());
    assert!(lines(&gateway).iter().all(|lines| *lines <= 4), "{:?}", lines(&gateway));
    nothing_is_paid_twice(&gateway);
}

#[tokio::test]
async fn case_20_a_request_above_the_upstreams_limit_is_refused_with_that_error() {
    let gateway = gateway("8", 60).await;
    let long = "x".repeat(1_000);
    let told = ask(&gateway, ["short", &long, "brief"]).await;
    told[1].is_refused(400, "token_limit_exceeded");
    assert!(told[1].error()["message"].as_str().unwrap().contains("Limit: 60 enqueued tokens"));
    told[0].is_answered();
    told[2].is_answered();
    ask_one(&gateway, "later").await.is_answered();
}

#[tokio::test]
async fn case_20_one_models_full_queue_holds_no_other_model_back() {
    let gateway = gateway("1", 10).await;
    gateway.adjust(json!({ "timing": { "per_batch_ms": 3_600_000 } })).await;
    let held = Crowd::send(&gateway, ["first", "second"]);
    until(async || statuses(&gateway).iter().any(|status| status == "failed")).await;
    let other = tokio::spawn(gateway.chat("other", "third").send());
    let is_other = |batch: &BatchEntry| batch.model.as_deref() == Some("other");
    until(async || gateway.ledger().batches.iter().any(is_other)).await;
    gateway.adjust(json!({ "timing": { "per_batch_ms": 100 } })).await;
    assert_eq!(other.await.unwrap().unwrap().status(), 200);
    held.told().await.iter().for_each(|told| told.is_answered());
}

#[tokio::test]
async fn case_21_no_more_batches_are_created_in_an_hour_than_permitted() {
    let settings = [("BATCH_GPT_MAX_BATCHES_PER_HOUR", "3"), ("BATCH_GPT_MAX_BATCH_REQUESTS", "1")];
    let gateway = Gateway::with(Duration::from_millis(200), &settings).await;
    let mut clients: Vec<_> =
        questions(5).iter().map(|question| tokio::spawn(gateway.chat("m", question).send())).collect();
    until(async || clients.iter().filter(|client| client.is_finished()).count() == 3).await;
    // Enough for the others, if anything but the hour held them back.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let waiting: Vec<_> = clients.extract_if(.., |client| !client.is_finished()).collect();
    assert_eq!(waiting.len(), 2);
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    for answered in clients {
        assert_eq!(answered.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(gateway.ledger().requests["create_batch"], 3);
}
