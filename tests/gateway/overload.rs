//! More clients than there are places.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    holding::batches,
    process::{Gateway, PATIENCE, text},
};

const HOUR: Duration = Duration::from_secs(3600);

/// A gateway with so many places, whose batches are as large and take an hour of the simulator's clock.
async fn gateway(places: &str, settings: &[(&str, &str)]) -> Gateway {
    let own = [
        ("BATCH_GPT_MAX_OPEN_REQUESTS", places),
        ("BATCH_GPT_MAX_BATCH_REQUESTS", places),
        ("COLLECT_BATCH_STATS_POLLING_MAX_INTERVAL_SECONDS", "1"),
        ("BATCH_GPT_HOLD", "silent"),
    ];
    Gateway::with(HOUR, &[&own, settings].concat()).await
}

/// Waits until so many requests are open.
async fn open(gateway: &Gateway, count: u64) {
    let open = async || gateway.get_json("/debug/actors").await["open_requests"]["open"] == count;
    crate::process::until(open).await;
}

/// It is told to come back, as the official clients understand it.
async fn is_turned_away(response: Response) {
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["x-should-retry"], "true");
    let after: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&after));
    let body: Value = response.json().await.unwrap();
    let error = body["error"].as_object().unwrap();
    assert_eq!(error.keys().collect::<Vec<_>>(), ["code", "message", "param", "type"], "{body}");
    assert_eq!((&error["code"], &error["type"]), (&json!("rate_limit_exceeded"), &json!("requests")));
}

fn again(call: RequestBuilder) -> RequestBuilder {
    call.header("x-stainless-retry-count", "1")
}

async fn is_answered(response: Response, prompt: &str) {
    assert_eq!(response.status(), 200);
    assert_eq!(text(&response.json().await.unwrap()), format!("Answer to: {prompt}"));
}

#[tokio::test]
async fn of_twice_as_many_clients_as_places_one_half_is_answered_and_the_other_when_it_comes_again() {
    let gateway = gateway("20", &[]).await;
    let calls = (0..40).map(|n| tokio::spawn(gateway.chat("m", &format!("{n}")).send()));
    let calls: Vec<_> = calls.collect();
    batches(&gateway, 1).await;
    // Those that are turned away are told at once; the others wait for their batch.
    let turned_away = async || calls.iter().filter(|call| call.is_finished()).count() == 20;
    crate::process::until(turned_away).await;
    gateway.simulator.advance(2 * HOUR);
    let mut refused = Vec::new();
    for (n, call) in calls.into_iter().enumerate() {
        let response = call.await.unwrap().unwrap();
        match response.status().as_u16() {
            200 => is_answered(response, &n.to_string()).await,
            _ => {
                is_turned_away(response).await;
                refused.push(n.to_string());
            }
        }
    }
    assert_eq!(refused.len(), 20);
    let calls: Vec<_> =
        refused.iter().map(|prompt| tokio::spawn(again(gateway.chat("m", prompt)).send())).collect();
    batches(&gateway, 2).await;
    gateway.simulator.advance(2 * HOUR);
    for (prompt, call) in refused.iter().zip(calls) {
        is_answered(call.await.unwrap().unwrap(), prompt).await;
    }
    assert_eq!(gateway.ledger().executed_lines, 40);
    let board = gateway.get_json("/debug/actors").await;
    assert_eq!((&board["open_requests"]["open"], &board["waiting_clients"]["open"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn requests_whose_clients_ask_later_have_their_places_until_they_are_answered() {
    let gateway = gateway("3", &[("CLIENT_SERVING_MODE", "async")]).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let receipt = gateway.chat("m", &n.to_string()).send().await.unwrap();
        assert_eq!(receipt.status(), 202);
        ids.push(receipt.headers()["x-batch-gpt-request-id"].to_str().unwrap().to_owned());
    }
    is_turned_away(gateway.chat("m", "3").send().await.unwrap()).await;
    is_turned_away(again(gateway.chat("m", "3")).send().await.unwrap()).await;
    let joined = again(gateway.chat("m", "0")).send().await.unwrap();
    assert_eq!(joined.status(), 202, "it takes no place of its own");
    assert_eq!(joined.headers()["x-batch-gpt-request-id"], ids[0].as_str());
    batches(&gateway, 1).await;
    gateway.simulator.advance(2 * HOUR);
    for (n, id) in ids.iter().enumerate() {
        is_answered(gateway.end_of(id).await, &n.to_string()).await;
    }
    open(&gateway, 0).await;
    assert_eq!(gateway.chat("m", "3").send().await.unwrap().status(), 202);
}

/// Case 68 of the contract, section 7B, at the door.
#[tokio::test]
async fn a_tenant_that_asks_without_end_leaves_the_others_their_shares() {
    let keys = ("BATCH_GPT_API_KEYS", "greedy:sk-g,modest:sk-m");
    let gateway = gateway("8", &[keys, ("CLIENT_SERVING_MODE", "async")]).await;
    let mut accepted = Vec::new();
    for (key, places) in [("sk-g", 6), ("sk-m", 2)] {
        let calls = (0..16).map(|n| gateway.chat_as(key, "m", &format!("{key} {n}")).send());
        let told: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
        let (taken, refused): (Vec<_>, Vec<_>) = told.into_iter().partition(|told| told.status() == 202);
        assert_eq!((key, taken.len()), (key, places));
        join_all(refused.into_iter().map(is_turned_away)).await;
        accepted
            .extend(taken.iter().map(|told| (key, told.headers()["location"].to_str().unwrap().to_owned())));
    }
    batches(&gateway, 2).await;
    gateway.simulator.advance(2 * HOUR);
    for (key, place) in accepted {
        let url = format!("{}{place}", gateway.root());
        let look = async || {
            let call = gateway.client.get(&url).bearer_auth(key).send();
            call.await.unwrap().status() == 200
        };
        crate::process::until(look).await;
    }
    assert_eq!(gateway.chat_as("sk-g", "m", "once more").send().await.unwrap().status(), 202);
}

/// Sends a call over a connection that is there, and reads the head of the answer to it and its four-member error.
async fn call(socket: &mut TcpStream, body: &str) -> String {
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    // The body comes a moment later than the head, as it may.
    tokio::time::sleep(Duration::from_millis(100)).await;
    socket.write_all(body.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    let read = async {
        while !seen.ends_with(b"}}") {
            assert!(socket.read_buf(&mut seen).await.unwrap() > 0, "it ended early");
        }
    };
    timeout(PATIENCE, read).await.unwrap();
    String::from_utf8(seen).unwrap()
}

#[tokio::test]
async fn a_refused_call_leaves_its_connection_usable_and_a_long_one_is_told_before_it_is_cut_off() {
    let gateway = gateway("1", &[("CLIENT_SERVING_MODE", "async")]).await;
    assert_eq!(gateway.chat("m", "0").send().await.unwrap().status(), 202);
    let mut socket = TcpStream::connect(gateway.root().strip_prefix("http://").unwrap()).await.unwrap();
    let short = json!({ "model": "m", "messages": [{ "role": "user", "content": "short" }] }).to_string();
    for _ in 0..3 {
        let told = call(&mut socket, &short).await;
        assert!(told.starts_with("HTTP/1.1 429 "), "{told}");
    }
    // Nobody has looked at what it says.
    let told = call(&mut socket, "neither JSON nor short, but refused before that is seen").await;
    assert!(told.starts_with("HTTP/1.1 429 "), "{told}");
    is_turned_away(gateway.chat("m", &"long ".repeat(2 << 20)).send().await.unwrap()).await;
}
