use std::time::Duration;

use reqwest::Response;
use serde_json::Value;

use crate::process::{Gateway, text};

async fn submitted(response: Response) -> String {
    assert_eq!(response.status(), 202);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    assert_eq!(
        (body["status"].as_str(), body["choices"].as_array().map(Vec::len)),
        (Some("queued"), Some(0))
    );
    assert_eq!(body["message"], "Request submitted for processing");
    let id = body["id"].as_str().unwrap().to_owned();
    assert_eq!(location, format!("/v1/chat/completions/{id}"));
    id
}

#[tokio::test]
async fn a_client_that_does_not_wait_asks_later() {
    let gateway = Gateway::start().await;
    let good =
        gateway.chat("m", "later").header("prefer", "handling=strict, respond-async").send().await.unwrap();
    let bad =
        gateway.chat("m", "later [[status:400]]").header("prefer", "respond-async").send().await.unwrap();
    assert_eq!(good.headers()["preference-applied"], "respond-async");
    let (good, bad) = (submitted(good).await, submitted(bad).await);
    let answer = gateway.end_of(&good).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(text(&answer.json().await.unwrap()), "Answer to: later");
    let failure = gateway.end_of(&bad).await;
    assert_eq!(failure.status(), 400);
    assert_eq!(failure.headers()["x-should-retry"], "false");
    for unknown in ["req_00000000000000000000000000000000", "chatcmpl-1"] {
        assert_eq!(gateway.get(&format!("/v1/chat/completions/{unknown}")).await.status(), 404);
    }
}

#[tokio::test]
async fn in_async_mode_nobody_waits_and_no_line_is_dropped() {
    let gateway = Gateway::with(Duration::from_millis(200), &[("CLIENT_SERVING_MODE", "async")]).await;
    let mut ids = Vec::new();
    for n in 0..30 {
        ids.push(submitted(gateway.chat("m", &format!("{n}")).send().await.unwrap()).await);
    }
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(text(&gateway.end_of(id).await.json().await.unwrap()), format!("Answer to: {n}"));
    }
    assert_eq!(gateway.ledger().executed_lines, 30);
}

#[tokio::test]
async fn an_answer_is_shown_to_its_own_tenant() {
    let keys = [("BATCH_GPT_API_KEYS", "a:sk-a,b:sk-b")];
    let gateway = Gateway::with(Duration::from_millis(200), &keys).await;
    let call = gateway.chat_as("sk-a", "m", "mine").header("prefer", "respond-async");
    let id = submitted(call.send().await.unwrap()).await;
    let ask = |key: &str| {
        let call = gateway.client.get(format!("{}/chat/completions/{id}", gateway.url)).bearer_auth(key);
        async { call.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(ask("sk-b").await, 404);
    assert!([200, 202].contains(&ask("sk-a").await));
}

#[tokio::test]
async fn a_request_sent_again_after_its_end_gets_its_end_and_buys_nothing() {
    let gateway = Gateway::with(Duration::from_millis(200), &[("BATCH_GPT_CACHE", "off")]).await;
    let first = gateway.chat("m", "again").send().await.unwrap();
    let id = first.headers()["x-batch-gpt-request-id"].clone();
    let first = first.bytes().await.unwrap();
    let again = gateway.chat("m", "again").header("x-stainless-retry-count", "2").send().await.unwrap();
    assert_eq!(again.headers()["x-batch-gpt-request-id"], id);
    assert_eq!(again.bytes().await.unwrap(), first);
    let stranger = gateway.chat("m", "again").send().await.unwrap();
    assert_ne!(stranger.headers()["x-batch-gpt-request-id"], id);
    assert_eq!(gateway.ledger().executed_lines, 2);
}
