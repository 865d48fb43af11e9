//! Creation of batches (contract, section 7A, cases 17 to 25).

mod support;

use batch_gpt_simulator::{Limits, Settings};
use reqwest::StatusCode;
use serde_json::{Map, Value, json};
use support::*;

#[tokio::test]
async fn case_17_minimal_create() {
    let bench = Bench::frozen().await;
    let file = bench.upload(chat_file(1)).await;
    let batch = bench.post("/batches", create_body(&file, CHAT)).await.ok();
    assert!(id_of(&batch).starts_with("batch_"));
    assert_eq!(batch["object"], "batch");
    assert_eq!(batch["status"], "validating");
    assert_eq!(batch["endpoint"], CHAT);
    assert_eq!(batch["input_file_id"], file);
    assert_eq!(batch["completion_window"], "24h");
    assert_eq!(batch["expires_at"], batch["created_at"].as_u64().expect("a time") + 86_400);
    assert_eq!(batch["request_counts"], json!({ "total": 0, "completed": 0, "failed": 0 }));
    let unset = [
        "model",
        "errors",
        "output_file_id",
        "error_file_id",
        "in_progress_at",
        "finalizing_at",
        "completed_at",
        "failed_at",
        "expired_at",
        "cancelling_at",
        "cancelled_at",
        "usage",
        "metadata",
    ];
    for name in unset {
        assert_eq!(batch.get(name), Some(&Value::Null), "{name}");
    }
}

#[tokio::test]
async fn case_18_missing_parameters() {
    let bench = Bench::frozen().await;
    let file = bench.upload(chat_file(1)).await;
    for name in ["input_file_id", "endpoint", "completion_window"] {
        let mut body = create_body(&file, CHAT);
        body.as_object_mut().expect("an object").remove(name);
        let error = bench.post("/batches", body).await.error(400);
        assert_eq!(error["code"], "missing_required_parameter");
        assert_eq!(error["param"], name);
        assert_eq!(error["message"], format!("Missing required parameter: '{name}'."));
    }
    bench.post("/batches", json!([file])).await.error(400);
}

#[tokio::test]
async fn case_19_bad_endpoint() {
    let bench = Bench::frozen().await;
    let file = bench.upload(chat_file(1)).await;
    let error = bench.post("/batches", create_body(&file, "/v1/chat")).await.error(400);
    assert_eq!(error["code"], "invalid_value");
    assert_eq!(error["param"], "endpoint");
    let message = text(&error["message"]);
    for part in
        ["Invalid value: '/v1/chat'. Supported values are: ", "'/v1/responses'", CHAT, "'/v1/videos'."]
    {
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test]
async fn case_20_bad_window() {
    let bench = Bench::frozen().await;
    let file = bench.upload(chat_file(1)).await;
    for window in ["1h", "48h", ""] {
        let mut body = create_body(&file, CHAT);
        body["completion_window"] = json!(window);
        let error = bench.post("/batches", body).await.error(400);
        assert!(text(&error["message"]).contains("completion_window"));
        assert_eq!(error["param"], "completion_window");
    }
}

#[tokio::test]
async fn case_21_metadata() {
    let bench = Bench::frozen().await;
    let file = bench.upload(chat_file(1)).await;
    let with = |metadata: Value| {
        let mut body = create_body(&file, CHAT);
        body["metadata"] = metadata;
        bench.post("/batches", body)
    };
    let error = with(json!({ "tags": ["a"] })).await.error(400);
    assert_eq!(error["code"], "invalid_type");
    assert_eq!(error["param"], "metadata.tags");
    assert_eq!(
        error["message"],
        "Invalid type for 'metadata.tags': expected a string, but got an array instead."
    );
    let pairs = |count: usize| {
        Value::Object((0..count).map(|n| (format!("key-{n}"), json!("value"))).collect::<Map<_, _>>())
    };
    with(pairs(17)).await.error(400);
    with(json!({ "k".repeat(65): "value" })).await.error(400);
    with(json!({ "key": "v".repeat(513) })).await.error(400);

    let mut most = pairs(15);
    most["\u{e4}".repeat(64)] = json!("\u{1F980}".repeat(512));
    let batch = with(most.clone()).await.ok();
    assert_eq!(batch["metadata"], most);
    assert_eq!(bench.batch(&id_of(&batch)).await["metadata"], most);
    assert_eq!(with(Value::Null).await.ok()["metadata"], Value::Null);
}

#[tokio::test]
async fn case_22_output_expires_after() {
    let bench = Bench::frozen().await;
    let file = bench.upload(file_of(&[chat_line("a", "fine"), chat_line("b", "[[status:500]]")])).await;
    let mut body = create_body(&file, CHAT);
    for seconds in [3_599, 2_592_001] {
        body["output_expires_after"] = json!({ "anchor": "created_at", "seconds": seconds });
        bench.post("/batches", body.clone()).await.error(400);
    }
    body["output_expires_after"] = json!({ "anchor": "created_at", "seconds": 7_200 });
    let id = id_of(&bench.post("/batches", body).await.ok());
    let batch = bench.finish(&id).await;
    for member in ["output_file_id", "error_file_id"] {
        let result = bench.get(&format!("/files/{}", text(&batch[member]))).await.ok();
        assert_eq!(result["purpose"], "batch_output");
        assert_eq!(result["created_at"], batch["completed_at"]);
        assert_eq!(result["expires_at"], result["created_at"].as_u64().expect("a time") + 7_200);
    }
}

#[tokio::test]
async fn case_23_unknown_input_file() {
    let bench = Bench::frozen().await;
    let batch = bench.post("/batches", create_body("file-none", CHAT)).await.ok();
    assert_eq!(batch["status"], "validating");
    let batch = bench.finish(&id_of(&batch)).await;
    assert_eq!(batch["status"], "failed");
    let error = &batch["errors"]["data"][0];
    assert_eq!(error["code"], "invalid_request");
    assert_eq!(error["param"], "file_id");
    assert_eq!(error["line"], Value::Null);
    assert!(text(&error["message"]).starts_with("Cannot find file file-none, or organization "));

    bench.patch(json!({ "knobs": { "missing_file_refused_at_create": true } })).await;
    let refused = bench.post("/batches", create_body("file-none", CHAT)).await.error(400);
    assert_eq!(refused["message"], error["message"]);
    assert_eq!(bench.simulator.ledger().creates, 1);
}

#[tokio::test]
async fn case_24_creations_per_hour() {
    let limits = Limits { creations_per_hour: 2, ..Limits::default() };
    let bench = Bench::with(Settings { limits, ..frozen() }).await;
    let file = bench.upload(chat_file(1)).await;
    bench.create(&file).await;
    bench.create(&file).await;
    let answer = bench.post("/batches", create_body(&file, CHAT)).await;
    assert_eq!(answer.error(429)["code"], "rate_limit_exceeded");
    let wait: u64 = answer.header("retry-after").parse().expect("whole seconds");
    assert!((1..=3_600).contains(&wait));
    assert_eq!(bench.get("/batches").await.ok()["data"].as_array().map(Vec::len), Some(2));
    bench.advance(wait).await;
    bench.create(&file).await;
}

#[tokio::test]
async fn case_25_one_file_for_two_batches() {
    let bench = Bench::frozen().await;
    let file = bench.upload(chat_file(3)).await;
    let (first, second) = (bench.create(&file).await, bench.create(&file).await);
    assert_ne!(first, second);
    let (first, second) = (bench.finish(&first).await, bench.finish(&second).await);
    assert_ne!(first["output_file_id"], second["output_file_id"]);
    for batch in [first, second] {
        assert_eq!(batch["status"], "completed");
        assert_eq!(bench.results(&batch, "output_file_id").await.len(), 3);
    }
    assert_eq!(bench.simulator.ledger().executions["id-0"], 2);
}

#[tokio::test]
async fn a_file_of_another_purpose_is_refused() {
    let bench = Bench::frozen().await;
    let file = id_of(&bench.upload_as("x.jsonl", "user_data", chat_file(1)).await.ok());
    let answer = bench.post("/batches", create_body(&file, CHAT)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn batches_are_listed_newest_first_in_pages() {
    let bench = Bench::frozen().await;
    let file = bench.upload(chat_file(1)).await;
    let mut created = Vec::new();
    for _ in 0..3 {
        created.insert(0, bench.create(&file).await);
    }
    let page = bench.get("/batches?limit=2").await.ok();
    assert_eq!(
        page["data"].as_array().map(|data| data.iter().map(id_of).collect()),
        Some(created[..2].to_vec())
    );
    assert_eq!(page["has_more"], true);
    let page = bench.get(&format!("/batches?limit=1&after={}", created[1])).await.ok();
    assert_eq!(page["first_id"], created[2]);
    assert_eq!(page["has_more"], false);
    bench.get("/batches?limit=101").await.error(400);
    bench.get("/batches?limit=0").await.error(400);
}
