//! Lost connections, error statuses, cut and slow answers (contract, section 7A, cases 63 to 67 and 75).

mod support;

use std::time::Duration;

use batch_gpt_simulator::Faults;
use futures_util::StreamExt;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method, Response};
use serde_json::{Value, json};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends a call that must not get a complete head of an answer.
async fn lost(bench: &Bench, method: Method, path: &str, body: Option<Value>) {
    let mut request = bench.client.request(method, bench.url(path)).bearer_auth(&bench.key);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let fault = request.send().await.expect_err("no answer");
    assert!(!fault.is_timeout(), "{fault}");
}

fn marked(file: &str) -> Value {
    let mut body = create_body(file, CHAT);
    body["metadata"] = json!({ "batch_gpt_key": "k1" });
    body
}

async fn listed(bench: &Bench) -> Vec<Value> {
    bench.get("/batches").await.ok()["data"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn case_63_rate_limited_with_each_header() {
    let bench = Bench::frozen().await;
    let orders = json!([
        { "operation": "create_batch", "fault": "status_429", "retry_after": 7 },
        { "operation": "create_batch", "fault": "status_429", "retry_after_ms": 250 },
        { "operation": "create_batch", "fault": "status_429", "should_retry": false },
        { "operation": "create_batch", "fault": "quota_exhausted" },
        { "operation": "create_batch", "fault": "billing_limit" },
    ]);
    bench.order(orders).await;
    let file = bench.upload(chat_file(1)).await;
    let names = ["retry-after", "retry-after-ms", "x-should-retry"];
    for expected in [["7", "", ""], ["", "250", ""], ["", "", "false"]] {
        let answer = bench.post("/batches", marked(&file)).await;
        assert_eq!(answer.error(429)["code"], "rate_limit_exceeded");
        assert_eq!(names.map(|name| answer.header(name)), expected);
        assert!(answer.header("x-request-id").starts_with("req_"));
    }
    let quota = bench.post("/batches", marked(&file)).await.error(429);
    assert_eq!(quota["code"], "insufficient_quota");
    let billing = bench.post("/batches", marked(&file)).await.error(400);
    assert_eq!(billing["code"], "billing_hard_limit_reached");
    assert!(listed(&bench).await.is_empty());
    bench.post("/batches", marked(&file)).await.ok();
    let ledger = bench.simulator.ledger();
    assert_eq!(ledger.faults["status_429"], 3);
    assert_eq!(ledger.requests["create_batch"], 6);
    assert_eq!(ledger.creates, 1);
}

#[tokio::test]
async fn case_64_server_errors() {
    let bench = Bench::frozen().await;
    for status in [500, 502, 503, 504] {
        bench.order(json!({ "operation": "list_files", "fault": format!("status_{status}") })).await;
        let answer = bench.get("/files").await;
        assert_eq!(answer.status.as_u16(), status);
        let text = String::from_utf8_lossy(&answer.bytes).into_owned();
        match status {
            502 => {
                assert_eq!(answer.header("content-type"), "text/html");
                assert!(text.starts_with("<!DOCTYPE html>"), "{text}");
            }
            504 => assert_eq!(answer.header("content-type"), "text/plain"),
            _ => assert_eq!(answer.error(status)["type"], "server_error"),
        }
    }
    bench.get("/files").await.ok();
}

#[tokio::test]
async fn case_64_server_error_after_the_work_is_done() {
    let bench = Bench::frozen().await;
    let file = bench.upload(chat_file(1)).await;
    bench.order(json!({ "operation": "create_batch", "fault": "status_504", "committed": true })).await;
    assert_eq!(bench.post("/batches", marked(&file)).await.status.as_u16(), 504);
    assert_eq!(listed(&bench).await.len(), 1);
}

#[tokio::test]
async fn case_64_an_upload_is_read_to_its_end_before_it_is_refused() {
    let bench = Bench::frozen().await;
    bench.order(json!({ "operation": "upload_file", "fault": "status_503" })).await;
    let large = vec![b'x'; 8 << 20];
    bench.upload_as("a.jsonl", "batch", large).await.error(503);
    assert_eq!(bench.simulator.ledger().uploads, 0);
}

#[tokio::test]
async fn case_65_create_answer_lost() {
    let bench = Bench::frozen().await;
    let file = bench.upload(chat_file(1)).await;
    bench.order(json!({ "operation": "create_batch", "fault": "answer_lost" })).await;
    lost(&bench, Method::POST, "/batches", Some(marked(&file))).await;
    let found = listed(&bench).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["metadata"], json!({ "batch_gpt_key": "k1" }));
    bench.post("/batches", marked(&file)).await.ok();
    let ledger = bench.simulator.ledger();
    assert_eq!(ledger.batches_by_key["k1"], 2);
    assert_eq!(ledger.faults["answer_lost"], 1);
}

#[tokio::test]
async fn case_65_create_request_lost() {
    let bench = Bench::frozen().await;
    let file = bench.upload(chat_file(1)).await;
    bench
        .order(json!({ "operation": "create_batch", "fault": "request_lost", "times": 2, "after": 1 }))
        .await;
    bench.post("/batches", create_body(&file, CHAT)).await.ok();
    for _ in 0..2 {
        lost(&bench, Method::POST, "/batches", Some(marked(&file))).await;
    }
    assert_eq!(listed(&bench).await.len(), 1);
    bench.post("/batches", marked(&file)).await.ok();
    let ledger = bench.simulator.ledger();
    assert_eq!(ledger.batches_by_key["k1"], 1);
    assert_eq!((ledger.requests["create_batch"], ledger.faults["request_lost"]), (4, 2));
}

#[tokio::test]
async fn case_65_the_connection_is_really_closed() {
    for fault in ["request_lost", "answer_lost"] {
        let bench = Bench::frozen().await;
        bench.order(json!({ "operation": "list_batches", "fault": fault })).await;
        let url = bench.simulator.base_url();
        let address = url.trim_start_matches("http://").trim_end_matches("/v1");
        let mut socket = TcpStream::connect(address).await.expect("a connection");
        let head = format!("GET /v1/batches HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer k\r\n\r\n");
        socket.write_all(head.as_bytes()).await.expect("a request");
        let mut read = Vec::new();
        socket.read_to_end(&mut read).await.expect("an end of the stream");
        assert!(read.is_empty(), "{}", String::from_utf8_lossy(&read));
    }
}

fn streamed(size: usize) -> Form {
    let line = format!("{}\n", chat_line("a", "hello"));
    let count = size / line.len() + 1;
    let pieces = futures_util::stream::iter((0..count).map(move |_| Ok::<_, std::io::Error>(line.clone())));
    let file = Part::stream(Body::wrap_stream(pieces)).file_name("input.jsonl");
    Form::new().text("purpose", "batch").part("file", file)
}

async fn stream_upload(bench: &Bench, size: usize) -> reqwest::Result<Response> {
    let request = bench.client.post(bench.url("/files")).bearer_auth(&bench.key);
    request.multipart(streamed(size)).send().await
}

#[tokio::test]
async fn case_66_upload_answer_lost() {
    let bench = Bench::frozen().await;
    for size in [1, 4 << 20] {
        bench.order(json!({ "operation": "upload_file", "fault": "answer_lost" })).await;
        let before = bench.simulator.ledger().uploads;
        stream_upload(&bench, size).await.expect_err("no answer");
        assert_eq!(bench.simulator.ledger().uploads, before + 1);
        let files = bench.get("/files").await.ok();
        assert!(files["data"][0]["bytes"].as_u64() >= Some(size as u64));
    }
}

#[tokio::test]
async fn case_66_upload_request_lost() {
    let bench = Bench::frozen().await;
    for size in [1, 4 << 20] {
        bench.order(json!({ "operation": "upload_file", "fault": "request_lost" })).await;
        stream_upload(&bench, size).await.expect_err("no answer");
    }
    assert_eq!(bench.get("/files").await.ok()["data"], json!([]));
    let uploaded = Answer::of(stream_upload(&bench, 1).await.expect("an answer")).await;
    uploaded.ok();
    let ledger = bench.simulator.ledger();
    assert_eq!((ledger.uploads, ledger.requests["upload_file"]), (1, 3));
}

#[tokio::test]
async fn case_67_content_cut() {
    let bench = Bench::frozen().await;
    let content = chat_file(3_000);
    let file = bench.upload(content.clone()).await;
    let path = format!("/files/{file}/content");
    for (fault, at) in [
        ("cut", Some(0)),
        ("cut", Some(10)),
        ("cut_chunked", Some(200_000)),
        ("cut", None),
        ("cut", Some(usize::MAX)),
        ("cut_chunked", Some(usize::MAX)),
    ] {
        bench.order(json!({ "operation": "file_content", "fault": fault, "bytes": at })).await;
        let request = bench.client.get(bench.url(&path)).bearer_auth(&bench.key);
        let response = request.send().await.expect("a head");
        let whole = (fault == "cut").then_some(content.len() as u64);
        assert_eq!(response.content_length(), whole);
        let mut pieces = response.bytes_stream();
        let mut read = Vec::new();
        let fault = loop {
            match pieces.next().await {
                Some(Ok(piece)) => read.extend_from_slice(&piece),
                Some(Err(fault)) => break fault,
                None => panic!("the body is complete"),
            }
        };
        assert!(!fault.is_timeout());
        assert!(content.as_bytes().starts_with(&read));
        match at {
            Some(at) => assert_eq!(read.len(), at.min(content.len() - 1)),
            None => assert!(read.len() < content.len()),
        }
    }
    assert_eq!(bench.content(&file).await, content.as_bytes());
}

#[tokio::test]
async fn case_67_content_ends_early_and_looks_whole() {
    let bench = Bench::frozen().await;
    let content = chat_file(3_000);
    let file = bench.upload(content.clone()).await;
    let path = format!("/files/{file}/content");
    for (fault, at) in [
        ("short", Some(0)),
        ("short", Some(200_000)),
        ("short_chunked", Some(10)),
        ("short", None),
        ("short_chunked", None),
        ("short", Some(usize::MAX)),
    ] {
        bench.order(json!({ "operation": "file_content", "fault": fault, "bytes": at })).await;
        let answer = bench.get(&path).await;
        assert_eq!(answer.status.as_u16(), 200);
        assert!(content.as_bytes().starts_with(&answer.bytes));
        assert!(answer.bytes.len() < content.len());
        if let Some(at) = at {
            assert_eq!(answer.bytes.len(), at.min(content.len() - 1));
        }
        let declared = answer.header("content-length").to_owned();
        let expected = if fault == "short" { answer.bytes.len().to_string() } else { String::new() };
        assert_eq!(declared, expected);
    }
    assert_eq!(bench.content(&file).await, content.as_bytes());
}

#[tokio::test]
async fn case_75_slow_headers_and_hung_sockets() {
    let faults = Faults { slow_ms: 60_000, hang_ms: 60_000, ..Faults::default() };
    let bench = Bench::with(batch_gpt_simulator::Settings { faults, ..frozen() }).await;
    let file = bench.upload(chat_file(1)).await;
    let soon = Duration::from_millis(200);
    for (order, batches) in [
        (json!({ "operation": "create_batch", "fault": "slow_headers" }), 1),
        (json!({ "operation": "create_batch", "fault": "hang" }), 1),
        (json!({ "operation": "create_batch", "fault": "hang", "committed": true }), 2),
    ] {
        bench.order(order).await;
        let request = bench.client.post(bench.url("/batches")).bearer_auth(&bench.key);
        let fault = request.json(&marked(&file)).timeout(soon).send().await.expect_err("silence");
        assert!(fault.is_timeout());
        // The client may give up before the call was handled.
        for _ in 0..200 {
            if listed(&bench).await.len() == batches {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(listed(&bench).await.len(), batches);
    }
    bench
        .order(json!([
            { "operation": "list_files", "fault": "slow_headers", "ms": 1 },
            { "operation": "list_batches", "fault": "hang", "ms": 1 },
        ]))
        .await;
    bench.get("/files").await.ok();
    lost(&bench, Method::GET, "/batches", None).await;
}

#[tokio::test]
async fn case_75_trickled_body() {
    let bench = Bench::frozen().await;
    let file = bench.upload(chat_file(1)).await;
    let path = format!("/files/{file}/content");
    bench.order(json!({ "operation": "file_content", "fault": "trickle", "bytes": 10, "ms": 1 })).await;
    assert_eq!(bench.content(&file).await, chat_file(1).as_bytes());

    bench.patch(json!({ "faults": { "hang_ms": u64::MAX } })).await;
    bench.order(json!({ "operation": "file_content", "fault": "trickle", "bytes": 10, "ms": 60_000 })).await;
    let request = bench.client.get(bench.url(&path)).bearer_auth(&bench.key);
    let response = request.timeout(Duration::from_millis(200)).send().await.expect("a head");
    assert!(response.bytes().await.expect_err("patience ends").is_timeout());
}
