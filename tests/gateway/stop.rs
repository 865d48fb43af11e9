use std::time::Duration;

use serde_json::Value;

use crate::process::{Gateway, text};

const LONG_WINDOW: (&str, &str) = ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "600000");

/// A window of ten minutes is open when the signal comes: it is sealed, submitted, and its clients are answered.
async fn answered_on(signal: &str) {
    let mut gateway = Gateway::with(Duration::from_millis(300), &[LONG_WINDOW]).await;
    let clients: Vec<_> = (0..20).map(|n| tokio::spawn(gateway.chat("m", &format!("{n}")).send())).collect();
    gateway.waiting(20).await;
    gateway.signal(signal);
    for (n, client) in clients.into_iter().enumerate() {
        let answer: Value = client.await.unwrap().unwrap().json().await.unwrap();
        assert_eq!(text(&answer), format!("Answer to: {n}"));
    }
    let status = gateway.ended().await;
    assert_eq!(status.code(), Some(0), "{:#?}", gateway.written);
    assert_eq!(gateway.ledger().executed_lines, 20);
}

#[tokio::test]
async fn sigterm_submits_what_is_open_and_answers() {
    answered_on("-TERM").await;
}

#[tokio::test]
async fn sigint_does_the_same() {
    answered_on("-INT").await;
}

#[tokio::test]
async fn clients_of_a_slow_batch_are_released_with_503() {
    let settings = [LONG_WINDOW, ("BATCH_GPT_DRAIN_SECONDS", "1")];
    let mut gateway = Gateway::with(Duration::from_secs(3600), &settings).await;
    let client = tokio::spawn(gateway.chat("m", "slow").send());
    gateway.waiting(1).await;
    gateway.signal("-TERM");
    let released = client.await.unwrap().unwrap();
    assert_eq!(released.status(), 503);
    assert_eq!(released.headers()["x-should-retry"], "true");
    let after: u64 = released.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&after));
    let body: Value = released.json().await.unwrap();
    assert_eq!(body["error"]["code"], "gateway_stopping");
    assert_eq!(gateway.ended().await.code(), Some(0));
    assert_eq!(gateway.ledger().creates, 1, "the open lane was submitted");
    assert_eq!(gateway.ledger().batches[0].status, "in_progress", "what is paid for is not cancelled");
}

#[tokio::test]
async fn new_requests_are_refused_while_it_stops_and_a_second_signal_leaves_at_once() {
    let mut gateway = Gateway::with(Duration::from_secs(3600), &[LONG_WINDOW]).await;
    let parked = tokio::spawn(gateway.chat("m", "slow").send());
    gateway.waiting(1).await;
    gateway.signal("-TERM");
    let refused = loop {
        let ready = gateway.get("/readyz").await;
        if ready.status() == 503 {
            break gateway.chat("m", "too late").send().await.unwrap();
        }
    };
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["x-should-retry"], "true");
    gateway.signal("-INT");
    assert_eq!(gateway.ended().await.code(), Some(130));
    assert!(parked.await.unwrap().is_err(), "the connection is cut");
}
