use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{Gateway, PATIENCE};

/// Each endpoint with a body, the object of its answers, and the member that holds what was asked for.
fn endpoints() -> [(&'static str, Value, Option<&'static str>, &'static str); 5] {
    [
        (
            "chat/completions",
            json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }] }),
            Some("chat.completion"),
            "choices",
        ),
        ("completions", json!({ "model": "m", "prompt": "x" }), Some("text_completion"), "choices"),
        ("embeddings", json!({ "model": "m", "input": ["x", "y"] }), Some("list"), "data"),
        ("responses", json!({ "model": "m", "input": "x" }), Some("response"), "output"),
        ("moderations", json!({ "input": "x" }), None, "results"),
    ]
}

#[tokio::test]
async fn each_endpoint_answers_in_its_own_way_and_in_a_batch_of_its_own() {
    let gateway = Gateway::start().await;
    let calls = endpoints().map(|(path, body, object, holder)| {
        let call = gateway.client.post(format!("{}/{path}", gateway.url)).bearer_auth("any").json(&body);
        async move {
            let response = call.send().await.unwrap();
            assert_eq!(response.status(), 200, "{path}");
            let answer: Value = response.json().await.unwrap();
            assert_eq!(answer["object"].as_str(), object, "{path}: {answer}");
            assert!(!answer[holder].as_array().unwrap().is_empty(), "{path}: {answer}");
        }
    });
    futures_util::future::join_all(calls).await;
    let page = gateway.get_json("/v1/batches").await;
    let mut paths: Vec<_> =
        page["data"].as_array().unwrap().iter().map(|batch| batch["endpoint"].as_str().unwrap()).collect();
    paths.sort_unstable();
    let expected =
        ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/moderations", "/v1/responses"];
    assert_eq!(paths, expected);
}

#[tokio::test]
async fn what_is_answered_later_looks_like_the_endpoints_own_object_and_is_found_at_its_path() {
    let gateway = Gateway::start().await;
    for (path, body, object, holder) in endpoints() {
        let call = gateway.client.post(format!("{}/{path}", gateway.url)).bearer_auth("any").json(&body);
        let response = call.header("prefer", "respond-async").send().await.unwrap();
        assert_eq!(response.status(), 202, "{path}");
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        let queued: Value = response.json().await.unwrap();
        assert_eq!(queued["object"].as_str(), object, "{path}: {queued}");
        assert_eq!(queued[holder], json!([]), "{path}: {queued}");
        assert_eq!(queued["status"], "queued", "{path}");
        assert_eq!(location, format!("/v1/{path}/{}", queued["id"].as_str().unwrap()));
        let wait = async {
            loop {
                let response = gateway.get(&location).await;
                if response.status() != 202 {
                    break response;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let answer = tokio::time::timeout(PATIENCE, wait).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let answer: Value = answer.json().await.unwrap();
        assert!(!answer[holder].as_array().unwrap().is_empty(), "{path}: {answer}");
        let elsewhere = if path == "responses" { "completions" } else { "responses" };
        let elsewhere = location.replace(&format!("/{path}/"), &format!("/{elsewhere}/"));
        assert_eq!(gateway.get(&elsewhere).await.status(), 404, "{elsewhere}");
    }
}

#[tokio::test]
async fn no_batch_has_more_than_fifty_thousand_texts_embedded() {
    let window = [("COLLATE_BATCHES_FOR_DURATION_IN_MS", "1500"), ("BATCH_GPT_CACHE", "off")];
    let gateway = Gateway::with(Duration::from_millis(100), &window).await;
    let embed = |count: usize| {
        let body = json!({ "model": "m", "input": vec![[1]; count] });
        gateway.client.post(format!("{}/embeddings", gateway.url)).bearer_auth("any").json(&body).send()
    };
    let refused = embed(50_001).await.unwrap();
    assert_eq!(refused.status(), 400);
    let error: Value = refused.json().await.unwrap();
    assert_eq!(
        (error["error"]["param"].as_str(), error["error"]["code"].as_str()),
        (Some("input"), Some("array_above_max_length"))
    );
    for answer in futures_util::future::join_all([embed(30_000), embed(30_000)]).await {
        let answer: Value = answer.unwrap().json().await.unwrap();
        assert_eq!(answer["data"].as_array().unwrap().len(), 30_000);
    }
    assert_eq!(gateway.ledger().batches.iter().map(|batch| batch.lines).collect::<Vec<_>>(), [1, 1]);
}
