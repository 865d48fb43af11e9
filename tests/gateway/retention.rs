//! What a client wants removed.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::Value;

use crate::process::{Gateway, text, until};

const QUICK: Duration = Duration::from_millis(200);
const SECRET: &str = "a-secret-that-is-to-be-forgotten";

async fn call(gateway: &Gateway, method: Method, key: &str, path: &str) -> Response {
    let call = gateway.client.request(method, format!("{}{path}", gateway.url)).bearer_auth(key);
    call.send().await.unwrap()
}

/// Asks, and gives the request's id.
async fn asked(gateway: &Gateway, key: &str, prompt: &str) -> String {
    let answer = gateway.chat_as(key, "m", prompt).send().await.unwrap();
    let id = answer.headers()["x-batch-gpt-request-id"].to_str().unwrap().to_owned();
    assert_eq!(text(&answer.json().await.unwrap()), format!("Answer to: {prompt}"));
    id
}

async fn purge(gateway: &Gateway, key: &str, id: &str) -> (u16, Value) {
    let response = call(gateway, Method::DELETE, key, &format!("/requests/{id}?purge=true")).await;
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn answer(gateway: &Gateway, key: &str, id: &str) -> (u16, Value) {
    let response = call(gateway, Method::GET, key, &format!("/chat/completions/{id}")).await;
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_purged_request_is_gone_from_the_answers_the_cache_and_the_disk() {
    let mut gateway = Gateway::with(QUICK, &[]).await;
    let id = asked(&gateway, "any", SECRET).await;
    assert!(gateway.keeps(SECRET));
    // Its batch needs it no more as soon as that is durable.
    until(async || gateway.get_json("/v1/overview").await["batches"]["settled"]["completed"] == 1).await;
    let (status, object) = purge(&gateway, "any", &id).await;
    assert_eq!((status, &object["purged"], &object["status"]), (200, &true.into(), &"completed".into()));
    let (status, error) = answer(&gateway, "any", &id).await;
    assert_eq!((status, &error["error"]["code"]), (410, &"answer_removed".into()));
    until(async || !gateway.keeps(SECRET)).await;
    let listed = gateway.get_json(&format!("/v1/requests/{id}")).await;
    assert_eq!(listed["status"], "completed", "that there was a request is kept");
    gateway.crash().await;
    assert_eq!(answer(&gateway, "any", &id).await.0, 410);
    let again = gateway.chat("m", SECRET).send().await.unwrap();
    assert_eq!(again.headers()["x-batch-gpt-cache"], "miss");
    assert_eq!(gateway.ledger().executed_lines, 2, "it is a new question");
    assert_eq!(purge(&gateway, "any", &id).await.0, 200, "as often as one likes");
}

#[tokio::test]
async fn nobody_purges_what_belongs_to_another_tenant() {
    let keys = [("BATCH_GPT_API_KEYS", "a:sk-a,b:sk-b"), ("BATCH_GPT_ADMIN_KEY", "sk-admin")];
    let gateway = Gateway::with(QUICK, &keys).await;
    let id = asked(&gateway, "sk-a", "mine").await;
    assert_eq!(purge(&gateway, "sk-b", &id).await.0, 404);
    assert_eq!(answer(&gateway, "sk-a", &id).await.0, 200);
    assert_eq!(purge(&gateway, "sk-admin", &id).await.0, 200);
    assert_eq!(answer(&gateway, "sk-a", &id).await.0, 410);
}

#[tokio::test]
async fn an_open_request_is_cancelled_first_and_a_wrong_word_is_refused() {
    let gateway = Gateway::with(QUICK, &[("COLLATE_BATCHES_FOR_DURATION_IN_MS", "60000")]).await;
    let client = tokio::spawn(gateway.chat("m", "not any more").send());
    gateway.waiting(1).await;
    let listed = gateway.get_json("/v1/requests").await;
    let id = listed["data"][0]["id"].as_str().unwrap().to_owned();
    let wrong = call(&gateway, Method::DELETE, "any", &format!("/requests/{id}?purge=perhaps")).await;
    assert_eq!(wrong.status(), 400);
    assert_eq!(wrong.json::<Value>().await.unwrap()["error"]["param"], "purge");
    let (status, object) = purge(&gateway, "any", &id).await;
    assert_eq!((status, &object["purged"], &object["status"]), (200, &true.into(), &"cancelled".into()));
    let told = client.await.unwrap().unwrap();
    assert_eq!(told.status(), 410);
    assert_eq!(told.json::<Value>().await.unwrap()["error"]["code"], "request_cancelled");
}

#[tokio::test]
async fn the_key_of_a_purged_request_is_free() {
    let gateway = Gateway::with(QUICK, &[]).await;
    let named = |prompt| gateway.chat("m", prompt).header("idempotency-key", "mine");
    let first = named("one").send().await.unwrap();
    let id = first.headers()["x-batch-gpt-request-id"].to_str().unwrap().to_owned();
    assert_eq!(named("two").send().await.unwrap().status(), 409);
    assert_eq!(purge(&gateway, "any", &id).await.0, 200);
    assert_eq!(named("two").send().await.unwrap().status(), 200);
}
