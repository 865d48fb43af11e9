//! The calls about models.

mod support;

use batch_gpt_simulator::Knobs;
use serde_json::json;
use support::*;

async fn listed(bench: &Bench) -> Vec<String> {
    let list = bench.get("/models").await.ok();
    assert_eq!(list["object"], "list");
    list["data"].as_array().expect("a list").iter().map(id_of).collect()
}

#[tokio::test]
async fn models_are_listed_with_those_that_batches_asked_for() {
    let bench = Bench::frozen().await;
    assert!(listed(&bench).await.contains(&"gpt-4o-mini".to_owned()));
    let mut body = chat_body("q");
    body["model"] = json!("house/own-model");
    bench.run(&[line_to(CHAT, "a", body)]).await;
    let found = listed(&bench).await;
    assert!(found.contains(&"house/own-model".to_owned()));
    assert!(!found.contains(&"unsupported-model".to_owned()));

    let named = Bench::turned(Knobs { models: vec!["one".to_owned()], ..Knobs::default() }).await;
    assert_eq!(listed(&named).await, ["one"]);
}

#[tokio::test]
async fn a_model_is_shown_unless_batches_cannot_use_it() {
    let bench = Bench::frozen().await;
    for id in ["gpt-4o", "house/own-model"] {
        let model = bench.get(&format!("/models/{id}")).await.ok();
        assert_eq!((&model["id"], &model["object"]), (&json!(id), &json!("model")));
        assert!(model["created"].is_u64() && model["owned_by"].is_string());
    }
    let error = bench.get("/models/unsupported-model").await.error(404);
    assert_eq!((&error["code"], &error["param"]), (&json!("model_not_found"), &json!("model")));
    bench.post("/models", json!({})).await.error(405);
}

#[tokio::test]
async fn calls_about_models_can_meet_faults() {
    let bench = Bench::frozen().await;
    bench
        .order(json!([
            { "operation": "list_models", "fault": "status_503" },
            { "operation": "retrieve_model", "fault": "status_500" },
        ]))
        .await;
    bench.get("/models").await.error(503);
    bench.get("/models/a/b").await.error(500);
    bench.get("/models").await.ok();
    let requests = bench.simulator.ledger().requests;
    assert_eq!((requests["list_models"], requests["retrieve_model"]), (2, 1));
}
