//! `/v1/requests`: what the gateway was asked, and a way to take it back.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::Value;

use crate::process::{Gateway, PATIENCE, WIDE_WINDOW};

const LONG: Duration = Duration::from_secs(600);

async fn submit(gateway: &Gateway, key: &str, prompt: &str) -> String {
    let call = gateway.chat_as(key, "m", prompt).header("prefer", "respond-async");
    let body: Value = call.send().await.unwrap().json().await.unwrap();
    body["id"].as_str().unwrap().to_owned()
}

async fn as_key(gateway: &Gateway, method: Method, key: &str, path: &str) -> Response {
    let call = gateway.client.request(method, format!("{}{path}", gateway.url)).bearer_auth(key);
    call.send().await.unwrap()
}

async fn delete(gateway: &Gateway, id: &str) -> (u16, Value) {
    let response = as_key(gateway, Method::DELETE, "any", &format!("/requests/{id}")).await;
    (response.status().as_u16(), response.json().await.unwrap())
}

/// Waits until the request stands so, and gives its object.
async fn stands(gateway: &Gateway, id: &str, status: &str) -> Value {
    let wait = async {
        loop {
            let object = gateway.get_json(&format!("/v1/requests/{id}")).await;
            if object["status"] == status {
                return object;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap()
}

async fn ids(gateway: &Gateway, key: &str, query: &str) -> (Vec<String>, bool) {
    let response = as_key(gateway, Method::GET, key, &format!("/requests{query}")).await;
    assert_eq!(response.status(), 200);
    let list: Value = response.json().await.unwrap();
    let ids = list["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned());
    (ids.collect(), list["has_more"].as_bool().unwrap())
}

#[tokio::test]
async fn a_request_is_shown_on_its_way() {
    let gateway = Gateway::start().await;
    let good = submit(&gateway, "any", "good").await;
    let bad = submit(&gateway, "any", "bad [[status:400]]").await;
    let object = stands(&gateway, &good, "completed").await;
    assert_eq!((&object["object"], &object["endpoint"]), (&"request".into(), &"/v1/chat/completions".into()));
    assert_eq!((&object["model"], &object["attempts"]), (&"m".into(), &0.into()));
    assert!(object["batch_id"].as_str().unwrap().starts_with("batch_"));
    assert!(object["ended_at"].as_u64().unwrap() >= object["created_at"].as_u64().unwrap());
    stands(&gateway, &bad, "failed").await;
    assert_eq!(ids(&gateway, "any", "?status=failed").await, (vec![bad], false));
    let wrong = gateway.get("/v1/requests?status=lost").await;
    assert_eq!(wrong.status(), 400);
    assert_eq!(wrong.json::<Value>().await.unwrap()["error"]["param"], "status");
    assert_eq!(gateway.get("/v1/requests/req_00000000000000000000000000000000").await.status(), 404);
}

#[tokio::test]
async fn each_tenant_pages_through_its_own_requests_and_the_administrator_through_all() {
    let settings = [("BATCH_GPT_API_KEYS", "a:sk-a,b:sk-b"), ("BATCH_GPT_ADMIN_KEY", "sk-admin")];
    let gateway = Gateway::with(LONG, &settings).await;
    let mut own = Vec::new();
    for n in 0..5 {
        own.push(submit(&gateway, "sk-a", &format!("{n}")).await);
    }
    own.reverse();
    let foreign = submit(&gateway, "sk-b", "b").await;
    assert_eq!(ids(&gateway, "sk-a", "?limit=3").await, (own[..3].to_vec(), true));
    assert_eq!(ids(&gateway, "sk-a", &format!("?after={}", own[2])).await, (own[3..].to_vec(), false));
    assert_eq!(ids(&gateway, "sk-admin", "").await.0.len(), 6);
    for (method, path) in
        [(Method::GET, "/requests/"), (Method::DELETE, "/requests/"), (Method::GET, "/requests?after=")]
    {
        let response = as_key(&gateway, method, "sk-a", &format!("{path}{foreign}")).await;
        assert_eq!(response.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn a_request_cancelled_before_its_batch_is_sealed_is_not_sent() {
    let gateway = Gateway::with(Duration::from_millis(200), &[WIDE_WINDOW]).await;
    let waiting = tokio::spawn(gateway.chat("m", "not wanted").send());
    let other = tokio::spawn(gateway.chat("m", "wanted").send());
    gateway.waiting(2).await;
    let id = {
        let first = ids(&gateway, "any", "").await.0;
        let told = async |id: &String| delete(&gateway, id).await;
        let (status, object) = told(&first[0]).await;
        assert_eq!((status, &object["status"]), (200, &"cancelled".into()));
        first[0].clone()
    };
    let (one, two) = (waiting.await.unwrap().unwrap(), other.await.unwrap().unwrap());
    let (cancelled, answered) = if one.status() == 410 { (one, two) } else { (two, one) };
    assert_eq!((cancelled.status().as_u16(), answered.status().as_u16()), (410, 200));
    assert_eq!(cancelled.headers()["x-should-retry"], "false");
    assert_eq!(cancelled.json::<Value>().await.unwrap()["error"]["code"], "request_cancelled");
    assert_eq!(gateway.ledger().executed_lines, 1);
    assert_eq!(delete(&gateway, &id).await.1["status"], "cancelled", "as often as one likes");
    assert_eq!(gateway.get(&format!("/v1/chat/completions/{id}")).await.status(), 410);
    assert_eq!(ids(&gateway, "any", "?status=cancelled").await.0, [id]);
}

#[tokio::test]
async fn a_request_cancelled_in_its_batch_stays_cancelled_whatever_its_line_comes_to() {
    let mut gateway = Gateway::with(Duration::from_secs(2), &[WIDE_WINDOW]).await;
    let waiting = tokio::spawn(gateway.chat("m", "too late").send());
    gateway.waiting(1).await;
    let id = ids(&gateway, "any", "").await.0.remove(0);
    let other = submit(&gateway, "any", "beside it").await;
    stands(&gateway, &id, "in_batch").await;
    let (status, object) = delete(&gateway, &id).await;
    assert_eq!((status, &object["status"]), (200, &"cancelled".into()));
    assert_eq!(waiting.await.unwrap().unwrap().status(), 410);
    stands(&gateway, &other, "completed").await;
    stands(&gateway, &id, "cancelled").await;
    gateway.crash().await;
    stands(&gateway, &id, "cancelled").await;
    assert_eq!(delete(&gateway, &other).await.1["status"], "completed", "it has ended");
}
