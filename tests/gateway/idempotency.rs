//! `Idempotency-Key`: a client's own name for a request.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::process::{Gateway, WIDE_WINDOW};

const QUICK: Duration = Duration::from_millis(200);

fn keyed(call: RequestBuilder, key: &str) -> RequestBuilder {
    call.header("idempotency-key", key)
}

async fn send(call: RequestBuilder) -> Response {
    call.send().await.unwrap()
}

fn id(response: &Response) -> String {
    response.headers()["x-batch-gpt-request-id"].to_str().unwrap().to_owned()
}

async fn is_reused(response: Response) {
    assert_eq!(response.status(), 409);
    assert_eq!(response.headers()["x-should-retry"], "false");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["code"], "idempotency_key_reused");
}

#[tokio::test]
async fn the_same_key_and_body_are_the_same_request_before_its_end_after_it_and_after_a_restart() {
    let mut gateway = Gateway::with(QUICK, &[("BATCH_GPT_CACHE", "off"), WIDE_WINDOW]).await;
    let first = tokio::spawn(keyed(gateway.chat("m", "one"), "k").send());
    gateway.waiting(1).await;
    let (second, other) = tokio::join!(
        send(keyed(gateway.chat("m", "one"), "k")),
        send(keyed(gateway.chat("m", "one"), "another")),
    );
    let first = first.await.unwrap().unwrap();
    assert_eq!(id(&first), id(&second));
    assert_ne!(id(&first), id(&other));
    assert_eq!(gateway.ledger().executed_lines, 2);
    let (first, body) = (id(&first), first.bytes().await.unwrap());
    gateway.crash().await;
    let third = send(keyed(gateway.chat("m", "one"), "k")).await;
    assert_eq!((id(&third), third.bytes().await.unwrap()), (first, body));
    assert_eq!(gateway.ledger().executed_lines, 2);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused_before_its_end_after_it_and_after_a_restart() {
    let mut gateway = Gateway::with(QUICK, &[WIDE_WINDOW]).await;
    let first = tokio::spawn(keyed(gateway.chat("m", "one"), "k").send());
    gateway.waiting(1).await;
    is_reused(send(keyed(gateway.chat("m", "two"), "k")).await).await;
    is_reused(send(keyed(gateway.chat("another model", "one"), "k")).await).await;
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    is_reused(send(keyed(gateway.chat("m", "two"), "k")).await).await;
    gateway.crash().await;
    is_reused(send(keyed(gateway.chat("m", "two"), "k")).await).await;
    assert_eq!(gateway.ledger().executed_lines, 1);
}

#[tokio::test]
async fn a_key_is_its_tenants_own() {
    let keys = [("BATCH_GPT_API_KEYS", "a:sk-a,b:sk-b")];
    let gateway = Gateway::with(QUICK, &keys).await;
    let (one, other) = tokio::join!(
        send(keyed(gateway.chat_as("sk-a", "m", "one"), "k")),
        send(keyed(gateway.chat_as("sk-b", "m", "two"), "k")),
    );
    assert_eq!((one.status().as_u16(), other.status().as_u16()), (200, 200));
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let gateway = Gateway::start().await;
    for key in ["", "k".repeat(256).as_str()] {
        assert_eq!(send(keyed(gateway.chat("m", "one"), key)).await.status(), 400);
    }
}
