//! How clients are held that want their answer as a whole. The numbers are the contract's conformance cases.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::{
    process::{Gateway, PATIENCE, text},
    raw::{Connection, chat},
};

const HOUR: Duration = Duration::from_secs(3600);

/// A gateway with a heartbeat of a second in front of batches that take an hour of the simulator's clock.
pub async fn gateway(settings: &[(&str, &str)]) -> Gateway {
    let quick =
        [("BATCH_GPT_HEARTBEAT_SECONDS", "1"), ("COLLECT_BATCH_STATS_POLLING_MAX_INTERVAL_SECONDS", "1")];
    Gateway::with(HOUR, &[&quick, settings].concat()).await
}

async fn holding(hold: &str) -> Gateway {
    gateway(&[("BATCH_GPT_HOLD", hold)]).await
}

/// Waits until the upstream has so many batches.
pub async fn batches(gateway: &Gateway, count: u64) {
    let wait = async {
        while gateway.ledger().creates < count {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap();
}

/// Lets the only batch end, once it is there.
pub async fn finish(gateway: &Gateway) {
    batches(gateway, 1).await;
    gateway.simulator.advance(2 * HOUR);
}

async fn stored(gateway: &Gateway, prompt: &str) -> reqwest::Response {
    let again = gateway.client.post(format!("{}/chat/completions", gateway.url)).bearer_auth("any");
    again.json(&chat(prompt)).header("x-stainless-retry-count", "1").send().await.unwrap()
}

/// Sends until there is an answer, as openai-python with a timeout does it. Gives the answer and the statuses before.
async fn patient(gateway: &Gateway, prompt: &str) -> (Value, Vec<Option<u16>>) {
    let client = reqwest::Client::builder().read_timeout(Duration::from_secs(4)).build().unwrap();
    let mut before = Vec::new();
    for count in 0..100 {
        let call = client.post(format!("{}/chat/completions", gateway.url)).json(&chat(prompt));
        let response = match call.header("x-stainless-retry-count", count.to_string()).send().await {
            Ok(response) if response.status() == 200 => response.json().await,
            Ok(response) => {
                assert_eq!(response.headers()["x-should-retry"], "true");
                let after: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
                assert!((1..=60).contains(&after));
                before.push(Some(response.status().as_u16()));
                sleep(Duration::from_secs(after)).await;
                continue;
            }
            Err(error) => Err(error),
        };
        match response {
            Ok(answer) => return (answer, before),
            Err(error) => assert!(error.is_timeout(), "{error:?}"),
        }
        before.push(None);
    }
    panic!("no answer: {before:?}")
}

#[tokio::test]
async fn case_45_a_client_less_patient_than_the_batch_gets_its_answer_in_every_mode() {
    join_all(["auto", "heartbeat", "silent", "retry"].map(|hold| async move {
        let settings = [("BATCH_GPT_HOLD", hold), ("BATCH_GPT_HEARTBEAT_SECONDS", "1")];
        let gateway = Gateway::with(Duration::from_secs(9), &settings).await;
        let (answer, before) = patient(&gateway, "long").await;
        assert_eq!(text(&answer), "Answer to: long", "{hold}");
        assert_eq!(gateway.ledger().executed_lines, 1, "{hold}");
        let expected = match hold {
            "silent" => Some(None),
            "retry" => Some(Some(503)),
            _ => None,
        };
        assert_eq!(before.first().copied(), expected, "{hold}: {before:?}");
        assert!(before.iter().all(|status| Some(*status) == expected), "{hold}: {before:?}");
    }))
    .await;
}

#[tokio::test]
async fn case_46_a_byte_comes_before_the_outcome() {
    for hold in ["auto", "heartbeat"] {
        let gateway = holding(hold).await;
        let mut client = Connection::post(&gateway, &chat("slow"), "").await;
        client.until("\r\n\r\n1\r\n\n").await;
        assert!(client.text().starts_with("HTTP/1.1 200 OK\r\n"), "{}", client.text());
        client.until("1\r\n\n\r\n1\r\n\n").await;
        batches(&gateway, 1).await;
        assert_eq!(gateway.ledger().executed_lines, 0);
    }
}

#[tokio::test]
async fn case_47_continue_is_said_only_to_who_asks() {
    let gateway = Gateway::start().await;
    let silent = Connection::post(&gateway, &chat("quick"), "").await.end().await;
    assert!(silent.head.starts_with("http/1.1 200 ok"), "{}", silent.head);
    let mut asking = Connection::post(&gateway, &chat("asked"), "expect: 100-continue\r\n").await;
    asking.until("Answer to: asked").await;
    assert!(
        asking.text().starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"),
        "{}",
        asking.text()
    );
}

#[tokio::test]
async fn case_48_no_provisional_response_is_used_to_hold() {
    for hold in ["auto", "heartbeat"] {
        let gateway = holding(hold).await;
        let mut client = Connection::post(&gateway, &chat("slow"), "").await;
        client.until("\n\r\n1\r\n\n\r\n1\r\n\n").await;
        finish(&gateway).await;
        client.until("Answer to: slow").await;
        assert_eq!(client.text().matches("HTTP/1.1 ").count(), 1, "{}", client.text());
    }
    for hold in ["silent", "retry"] {
        let gateway = Gateway::with(Duration::from_secs(3), &[("BATCH_GPT_HOLD", hold)]).await;
        let mut client = Connection::post(&gateway, &chat("slow"), "").await;
        client.until("Answer to: slow").await;
        assert_eq!(client.text().matches("HTTP/1.1 ").count(), 1, "{}", client.text());
    }
}

#[tokio::test]
async fn case_49_white_space_before_an_answer_leaves_it_what_it_is() {
    for hold in ["auto", "heartbeat"] {
        let gateway = holding(hold).await;
        let mut client = Connection::post(&gateway, &chat("spaced"), "").await;
        client.until("\n\r\n1\r\n\n").await;
        finish(&gateway).await;
        let response = client.end().await;
        assert!(response.finished);
        for header in ["content-type: application/json\r\n", "x-accel-buffering: no\r\n"] {
            assert!(response.head.contains(header), "{}", response.head);
        }
        let answer: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(text(&answer), "Answer to: spaced");
        let plain = stored(&gateway, "spaced").await.text().await.unwrap();
        assert_eq!(response.text().trim_start_matches('\n'), plain);
        assert_eq!(gateway.ledger().executed_lines, 1);
    }
}

#[tokio::test]
async fn case_50_a_failure_under_200_breaks_the_connection_and_is_told_to_the_re_send() {
    for hold in ["auto", "heartbeat"] {
        let gateway = holding(hold).await;
        let mut client = Connection::post(&gateway, &chat("bad [[status:400]]"), "").await;
        client.until("\n\r\n1\r\n\n").await;
        finish(&gateway).await;
        let response = client.end().await;
        assert!(response.head.starts_with("http/1.1 200 ok\r\n"), "{}", response.head);
        assert!(!response.finished, "{response:?}");
        assert!(response.body.iter().all(|byte| *byte == b'\n'), "{response:?}");
        let again = stored(&gateway, "bad [[status:400]]").await;
        assert_eq!(again.status(), 400);
        assert_eq!(again.headers()["x-should-retry"], "false");
        let error: Value = again.json().await.unwrap();
        assert!(error["error"]["message"].is_string(), "{error}");
        assert_eq!(gateway.ledger().creates, 1);
    }
}

#[tokio::test]
async fn a_quick_failure_has_its_true_status() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.chat("m", "bad [[status:422]]").send().await.unwrap().status(), 422);
}

#[tokio::test]
async fn who_is_told_to_come_again_before_the_window_closes_is_sent_all_the_same() {
    let window = ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "3000");
    let gateway = gateway(&[("BATCH_GPT_HOLD", "retry"), window]).await;
    let away = gateway.chat("m", "away").send().await.unwrap();
    assert_eq!(away.status(), 503);
    assert_eq!(away.headers()["x-should-retry"], "true");
    let error: Value = away.json().await.unwrap();
    assert_eq!(error["error"]["code"], "answer_pending");
    assert_eq!(gateway.ledger().creates, 0);
    finish(&gateway).await;
    let (answer, _) = patient(&gateway, "away").await;
    assert_eq!(text(&answer), "Answer to: away");
    assert_eq!(gateway.ledger().executed_lines, 1);
}

#[tokio::test]
async fn a_stop_breaks_a_hold_that_has_begun() {
    let mut gateway = gateway(&[("BATCH_GPT_HOLD", "heartbeat"), ("BATCH_GPT_DRAIN_SECONDS", "1")]).await;
    let mut client = Connection::post(&gateway, &chat("slow"), "").await;
    client.until("\n\r\n1\r\n\n").await;
    gateway.signal("-TERM");
    assert!(!client.end().await.finished);
    assert_eq!(gateway.ended().await.code(), Some(0));
}
