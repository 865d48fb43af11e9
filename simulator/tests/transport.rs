//! Keys, headers and unknown calls (contract, section 7A, cases 61 and 62, and section 4).

mod support;

use std::collections::BTreeSet;

use batch_gpt_simulator::{Settings, Simulator};
use reqwest::Method;
use serde_json::{Value, json};
use support::*;

#[tokio::test]
async fn case_61_keys_and_projects() {
    let keys = vec!["sk-one".to_owned(), "sk-two".to_owned()];
    let mut bench = Bench::with(Settings { keys, ..frozen() }).await;
    let bare = bench.client.get(bench.url("/files")).send().await.expect("an answer");
    assert_eq!(Answer::of(bare).await.error(401)["code"], Value::Null);
    bench.key = "sk-three".to_owned();
    assert_eq!(bench.get("/files").await.error(401)["code"], "invalid_api_key");

    bench.key = "sk-one".to_owned();
    let file = bench.upload(chat_file(1)).await;
    let batch = bench.create(&file).await;
    bench.key = "sk-two".to_owned();
    bench.get(&format!("/files/{file}")).await.error(404);
    bench.get(&format!("/files/{file}/content")).await.error(404);
    bench.delete(&format!("/files/{file}")).await.error(404);
    bench.get(&format!("/batches/{batch}")).await.error(404);
    assert_eq!(bench.get("/batches").await.ok()["data"], json!([]));
    let foreign = bench.create(&file).await;
    assert_eq!(bench.finish(&foreign).await["errors"]["data"][0]["param"], "file_id");

    let open = Bench::frozen().await;
    open.get("/files").await.ok();
    let bare = open.client.get(open.url("/files")).send().await.expect("an answer");
    Answer::of(bare).await.error(401);
}

#[tokio::test]
async fn case_62_headers_on_every_response() {
    let bench = Bench::frozen().await;
    let bare = bench.client.get(bench.url("/files")).send().await.expect("an answer");
    let answers = [
        bench.get("/files").await,
        bench.get("/files/file-none").await,
        bench.get("/nowhere").await,
        bench.delete("/batches").await,
        bench.upload_as("x.txt", "batch", "").await,
        bench.control(Method::GET, "/ledger", None).await,
        Answer::of(bare).await,
    ];
    let mut ids = BTreeSet::new();
    for answer in &answers {
        assert!(answer.header("x-request-id").starts_with("req_"));
        ids.insert(answer.header("x-request-id"));
        assert_eq!(answer.header("openai-version"), "2020-10-01");
        assert!(answer.header("openai-processing-ms").parse::<u64>().is_ok());
    }
    assert_eq!(ids.len(), answers.len());
}

#[tokio::test]
async fn unknown_paths_and_methods_get_error_objects() {
    let bench = Bench::frozen().await;
    let error = bench.post("/nowhere", json!({})).await.error(404);
    assert_eq!(error["message"], "Invalid URL (POST /v1/nowhere)");
    for (path, allowed) in [
        ("/files", "GET, POST"),
        ("/files/x", "GET, DELETE"),
        ("/files/x/content", "GET"),
        ("/batches", "GET, POST"),
        ("/batches/x", "GET"),
        ("/batches/x/cancel", "POST"),
    ] {
        let answer = bench.send(Method::PUT, path, None).await;
        answer.error(405);
        assert_eq!(answer.header("allow"), allowed);
    }
}

#[tokio::test]
async fn malformed_bodies_get_error_objects() {
    let bench = Bench::frozen().await;
    let send = |path: &str, content_type: &'static str, body: Vec<u8>| {
        let request =
            bench.client.post(bench.url(path)).bearer_auth("k").header("content-type", content_type);
        async { Answer::of(request.body(body).send().await.expect("an answer")).await }
    };
    send("/batches", "application/json", b"{".to_vec()).await.error(400);
    send("/batches", "application/json", vec![b' '; 1_000_000]).await.error(413);
    send("/files", "multipart/form-data", b"x".to_vec()).await.error(400);
    send("/files", "multipart/form-data; boundary=b", b"--b\r\nx".to_vec()).await.error(400);
    let nameless = b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n".to_vec();
    send("/files", "multipart/form-data; boundary=b", nameless).await.error(400);
    let unfinished = b"--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n{}".to_vec();
    send("/files", "multipart/form-data; boundary=b", unfinished).await.error(400);
}

#[test]
fn starts_in_an_actix_system_too_and_reports_a_taken_address() {
    actix_web::rt::System::new().block_on(async {
        let bench = Bench::frozen().await;
        bench.get("/files").await.ok();
        let address = bench.simulator.base_url();
        let port = address.trim_start_matches("http://").trim_end_matches("/v1");
        let bind = port.parse().expect("an address");
        let cause = Simulator::start(Settings { bind, ..frozen() }).await.err().expect("the port is taken");
        assert_eq!(cause.kind(), std::io::ErrorKind::AddrInUse);
        bench.simulator.stop(true).await;
        let again = Simulator::start(Settings { bind, ..frozen() }).await.expect("the port is free");
        again.stop(false).await;
    });
}
