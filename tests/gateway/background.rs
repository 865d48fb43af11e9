//! Responses in the background, and answers asked for later.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::process::{Gateway, PATIENCE};

async fn call(gateway: &Gateway, method: Method, key: &str, path: &str, body: Option<Value>) -> Response {
    let call = gateway.client.request(method, format!("{}{path}", gateway.url)).bearer_auth(key);
    let call = if let Some(body) = body { call.json(&body) } else { call };
    call.send().await.unwrap()
}

/// A response is begun in the background; its id.
async fn begin(gateway: &Gateway, key: &str, input: &str) -> String {
    let body = json!({ "model": "m", "input": input, "background": true });
    let response = call(gateway, Method::POST, key, "/responses", Some(body)).await;
    assert_eq!(response.status(), 200);
    let object: Value = response.json().await.unwrap();
    assert_eq!((&object["object"], &object["status"]), (&"response".into(), &"queued".into()));
    object["id"].as_str().unwrap().to_owned()
}

/// Asks until the response is neither queued nor under way, and gives it with the statuses on the way.
async fn end_of(gateway: &Gateway, id: &str) -> (Value, Vec<String>) {
    let mut seen = Vec::new();
    let wait = async {
        loop {
            let response = call(gateway, Method::GET, "any", &format!("/responses/{id}"), None).await;
            let object: Value = response.json().await.unwrap();
            let status = object["status"].as_str().unwrap().to_owned();
            if !["queued", "in_progress"].contains(&&*status) {
                return object;
            }
            seen.push(status);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let object = tokio::time::timeout(PATIENCE, wait).await.unwrap();
    seen.dedup();
    (object, seen)
}

#[tokio::test]
async fn case_70_a_response_in_the_background_is_asked_for_and_cancelled() {
    let gateway = Gateway::with(Duration::from_secs(1), &[]).await;
    let id = begin(&gateway, "any", "think").await;
    let (object, seen) = end_of(&gateway, &id).await;
    assert_eq!(seen, ["queued", "in_progress"]);
    assert_eq!(object["status"], "completed");
    let body = json!({ "model": "m", "input": "think" });
    let whole: Value =
        call(&gateway, Method::POST, "any", "/responses", Some(body)).await.json().await.unwrap();
    assert_eq!(object, whole, "the line's own body");
    let cancel = async |id: &str| {
        let response = call(&gateway, Method::POST, "any", &format!("/responses/{id}/cancel"), None).await;
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    assert_eq!(cancel(&id).await, (200, object), "it has ended");
    let unwanted = begin(&gateway, "any", "never mind").await;
    for _ in 0..2 {
        let (status, object) = cancel(&unwanted).await;
        assert_eq!(
            (status, &object["status"], &object["id"]),
            (200, &"cancelled".into(), &unwanted.as_str().into())
        );
    }
    assert_eq!(end_of(&gateway, &unwanted).await.0["status"], "cancelled");
    for unknown in ["resp_unknown", "req_00000000000000000000000000000000"] {
        assert_eq!(cancel(unknown).await.0, 404);
        let asked = call(&gateway, Method::GET, "any", &format!("/responses/{unknown}"), None).await;
        assert_eq!(asked.status(), 404);
    }
    assert_eq!(gateway.ledger().executed_lines, 1);
}

#[tokio::test]
async fn case_71_what_is_stored_is_shown_to_its_own_tenant_only() {
    let keys = [("BATCH_GPT_API_KEYS", "a:sk-a,b:sk-b")];
    let gateway = Gateway::with(Duration::from_millis(200), &keys).await;
    let answer = gateway.chat_as("sk-a", "m", "mine").send().await.unwrap();
    let id = answer.headers()["x-batch-gpt-request-id"].to_str().unwrap().to_owned();
    let response = begin(&gateway, "sk-a", "mine").await;
    let paths =
        [format!("/chat/completions/{id}"), format!("/responses/{response}"), format!("/requests/{id}")];
    for path in &paths {
        let other = call(&gateway, Method::GET, "sk-b", path, None).await;
        assert_eq!(other.status(), 404, "{path}");
        assert!(call(&gateway, Method::GET, "sk-a", path, None).await.status().is_success(), "{path}");
    }
    let cancel = format!("/responses/{response}/cancel");
    assert_eq!(call(&gateway, Method::POST, "sk-b", &cancel, None).await.status(), 404);
}
