use std::time::Duration;

use crate::process::{Gateway, WIDE_WINDOW};

#[tokio::test]
async fn a_client_that_was_cut_off_gets_the_outcome_of_its_first_request() {
    let gateway = Gateway::with(Duration::from_secs(2), &[WIDE_WINDOW]).await;
    let body = r#"{"model":"m","messages":[{"role":"user","content":"cut"}],"seed":9007199254740993}"#;
    let post = |body: &str, resent: bool| {
        let call = gateway.client.post(format!("{}/chat/completions", gateway.url)).bearer_auth("any");
        let call = call.header("content-type", "application/json").body(body.to_owned());
        if resent { call.header("x-stainless-retry-count", "1") } else { call }
    };
    let cut = tokio::spawn(post(body, false).send());
    gateway.waiting(1).await;
    gateway.waiting(0).await;
    cut.abort();
    // The same but for its order, and another whose seed a double could not tell apart.
    let same = r#"{"seed":9007199254740993,"messages":[{"content":"cut","role":"user"}],"model":"m"}"#;
    let other = same.replace("40993", "40992");
    let (same, other) = tokio::join!(post(same, true).send(), post(&other, true).send());
    assert_eq!(
        (same.unwrap().status(), other.unwrap().status()),
        (reqwest::StatusCode::OK, reqwest::StatusCode::OK)
    );
    assert_eq!(gateway.ledger().executed_lines, 2);
}
