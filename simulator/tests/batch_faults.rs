//! Batches that lag, get stuck, go back, fail or vanish (contract, section 7A, cases 68 to 74).

mod support;

use batch_gpt_simulator::{Faults, Limits, Settings};
use reqwest::Method;
use serde_json::{Value, json};
use support::*;

async fn with_faults(faults: Faults) -> Bench {
    Bench::with(Settings { faults, ..frozen() }).await
}

/// Orders a fault for the next batch and submits it.
async fn fated(bench: &Bench, fault: &str, lines: usize) -> String {
    bench.order(json!({ "operation": "create_batch", "fault": fault })).await;
    bench.submit(chat_file(lines)).await
}

#[tokio::test]
async fn case_68_content_comes_late() {
    for status in [404, 502] {
        let bench =
            with_faults(Faults { content_lag_ms: 30_000, content_lag_status: status, ..Faults::default() })
                .await;
        let id = bench.submit(chat_file(2)).await;
        bench.advance(VALIDATING).await;
        bench.advance(RUNNING).await;
        bench.advance(FINALIZING).await;
        let batch = bench.batch(&id).await;
        assert_eq!(batch["status"], "completed");
        let file = text(&batch["output_file_id"]);
        let path = format!("/files/{file}/content");
        let refused = bench.get(&path).await;
        assert_eq!(refused.status.as_u16(), status);
        if status == 404 {
            assert_eq!(refused.error(404)["message"], format!("No such File object: {file}"));
        }
        bench.content(text(&batch["input_file_id"])).await;
        bench.get(&format!("/files/{file}")).await.ok();
        bench.advance(30).await;
        assert_eq!(bench.results(&batch, "output_file_id").await.len(), 2);
        assert_eq!(bench.simulator.ledger().faults["content_lag"], 1);
    }
}

#[tokio::test]
async fn case_69_a_new_batch_cannot_be_read_yet() {
    let bench =
        with_faults(Faults { retrieve_lag_ms: 20_000, list_lag_ms: 40_000, ..Faults::default() }).await;
    let id = bench.submit(chat_file(1)).await;
    let path = format!("/batches/{id}");
    let error = bench.get(&path).await.error(404);
    assert_eq!(error["message"], format!("No batch found with id '{id}'."));
    bench.advance(20).await;
    bench.get(&path).await.ok();
    assert_eq!(bench.get("/batches").await.ok()["data"], json!([]));
    bench.advance(20).await;
    assert_eq!(bench.get("/batches").await.ok()["data"][0]["id"], json!(id));
    assert_eq!(bench.simulator.ledger().faults["retrieve_lag"], 1);
}

#[tokio::test]
async fn case_68_content_of_one_batch_comes_late() {
    let bench = Bench::frozen().await;
    bench.order(json!({ "operation": "create_batch", "fault": "late_content", "ms": 20_000_000 })).await;
    let late = bench.submit(chat_file(1)).await;
    let usual = bench.submit(chat_file(1)).await;
    bench.finish(&usual).await;
    let (late, usual) = (bench.batch(&late).await, bench.batch(&usual).await);
    let path = format!("/files/{}/content", text(&late["output_file_id"]));
    bench.get(&path).await.error(404);
    assert_eq!(bench.results(&usual, "output_file_id").await.len(), 1);
    bench.advance(20_000).await;
    assert_eq!(bench.results(&late, "output_file_id").await.len(), 1);
}

#[tokio::test]
async fn case_69_one_new_batch_cannot_be_read_yet() {
    let bench = Bench::frozen().await;
    bench.order(json!({ "operation": "create_batch", "fault": "late_batch", "ms": 20_000 })).await;
    let late = bench.submit(chat_file(1)).await;
    let usual = bench.submit(chat_file(1)).await;
    bench.get(&format!("/batches/{late}")).await.error(404);
    bench.batch(&usual).await;
    bench.advance(20).await;
    bench.batch(&late).await;
}

#[tokio::test]
async fn case_70_cannot_find_file_once() {
    let bench = Bench::frozen().await;
    let file = bench.upload(chat_file(1)).await;
    bench.order(json!({ "operation": "create_batch", "fault": "cannot_find_file" })).await;
    let id = bench.create(&file).await;
    let batch = bench.finish(&id).await;
    assert_eq!(batch["status"], "failed");
    let error = &batch["errors"]["data"][0];
    assert_eq!(
        (&error["code"], &error["param"], &error["line"]),
        (&json!("invalid_request"), &json!("file_id"), &Value::Null)
    );
    assert!(text(&error["message"]).starts_with(&format!("Cannot find file {file}, ")));
    let id = bench.create(&file).await;
    assert_eq!(bench.finish(&id).await["status"], "completed");

    bench.patch(json!({ "knobs": { "missing_file_refused_at_create": true } })).await;
    bench.order(json!({ "operation": "create_batch", "fault": "cannot_find_file" })).await;
    let refused = bench.post("/batches", create_body(&file, CHAT)).await.error(400);
    assert_eq!(refused["param"], "file_id");
    bench.create(&file).await;
    let ledger = bench.simulator.ledger();
    assert_eq!((ledger.faults["cannot_find_file"], ledger.creates), (2, 3));
}

#[tokio::test]
async fn case_71_stuck_in_finalizing() {
    let bench = Bench::frozen().await;
    bench.order(json!({ "operation": "create_batch", "fault": "stuck_finalizing", "ms": 7_200_000 })).await;
    let stuck = bench.submit(chat_file(2)).await;
    let usual = bench.submit(chat_file(2)).await;
    assert_eq!(bench.finish(&usual).await["status"], "completed");
    let batch = bench.batch(&stuck).await;
    assert_eq!(batch["status"], "finalizing");
    assert_eq!(batch["request_counts"]["completed"], 2);
    assert_eq!(batch["output_file_id"], Value::Null);
    bench.advance(7_200).await;
    let batch = bench.batch(&stuck).await;
    assert_eq!(batch["status"], "completed");
    assert_eq!(bench.results(&batch, "output_file_id").await.len(), 2);
}

#[tokio::test]
async fn case_71_stuck_beyond_the_window() {
    let bench = Bench::frozen().await;
    bench
        .order(json!({ "operation": "create_batch", "fault": "stuck_finalizing", "ms": 360_000_000u64 }))
        .await;
    let id = bench.submit(chat_file(2)).await;
    bench.advance(86_400).await;
    let batch = bench.batch(&id).await;
    assert_eq!(batch["status"], "expired");
    assert_eq!(bench.results(&batch, "output_file_id").await.len(), 2);
}

#[tokio::test]
async fn case_72_status_goes_back_once() {
    let bench = Bench::frozen().await;
    let id = bench.submit(chat_file(2)).await;
    bench.order(json!({ "operation": "retrieve_batch", "fault": "stale_status" })).await;
    assert_eq!(bench.batch(&id).await["status"], "validating");
    let mut shown = Vec::new();
    for stage in [VALIDATING, RUNNING, FINALIZING] {
        bench.advance(stage).await;
        let stale = bench.batch(&id).await;
        let present = bench.batch(&id).await;
        shown.push((text(&stale["status"]).to_owned(), text(&present["status"]).to_owned()));
        assert_eq!(stale[format!("{}_at", text(&present["status"]))], Value::Null);
        assert_eq!(stale["output_file_id"], Value::Null);
        bench.order(json!({ "operation": "retrieve_batch", "fault": "stale_status" })).await;
    }
    let pairs: Vec<_> = shown.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(
        pairs,
        [("validating", "in_progress"), ("in_progress", "finalizing"), ("finalizing", "completed"),]
    );
    assert_eq!(bench.simulator.ledger().faults["stale_status"], 3);
}

fn page_ids(page: &Value) -> Vec<String> {
    let data = page["data"].as_array().expect("a list");
    data.iter().map(id_of).collect()
}

#[tokio::test]
async fn case_73_listing() {
    let bench = Bench::frozen().await;
    let empty = bench.get("/batches").await.ok();
    assert_eq!((&empty["data"], &empty["has_more"]), (&json!([]), &json!(false)));
    let file = bench.upload(chat_file(1)).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.insert(0, bench.create(&file).await);
    }
    for bad in ["0", "101", "-1", "x", "99999999999999999999"] {
        bench.get(&format!("/batches?limit={bad}")).await.error(400);
    }
    bench.get("/batches?limit=100").await.ok();
    bench.get("/batches?after=batch_none").await.error(404);

    let first = bench.get("/batches?limit=2").await.ok();
    assert_eq!(page_ids(&first), ids[..2]);
    assert_eq!(first["has_more"], true);
    let last = text(&first["last_id"]).to_owned();
    // A batch that comes in between moves nothing that is still to be read.
    bench.create(&file).await;
    let second = bench.get(&format!("/batches?limit=2&after={last}")).await.ok();
    assert_eq!(page_ids(&second), ids[2..]);
    assert_eq!(second["has_more"], false);
    let beyond = format!("/batches?limit=2&after={}", text(&second["last_id"]));
    let beyond = bench.get(&beyond).await.ok();
    assert_eq!((&beyond["data"], &beyond["has_more"]), (&json!([]), &json!(false)));
}

#[tokio::test]
async fn case_74_batches_are_gone_after_their_retention() {
    let limits = Limits { batch_retention_seconds: Some(100_000), ..Limits::default() };
    let bench = Bench::with(Settings { limits, ..frozen() }).await;
    let id = bench.submit(chat_file(1)).await;
    let batch = bench.finish(&id).await;
    bench.advance(90_000).await;
    bench.batch(&id).await;
    bench.advance(10_000).await;
    bench.get(&format!("/batches/{id}")).await.error(404);
    bench.cancel(&id).await.error(404);
    assert_eq!(bench.get("/batches").await.ok()["data"], json!([]));
    bench.get(&format!("/batches?after={id}")).await.error(404);
    bench.content(text(&batch["output_file_id"])).await;
    assert_eq!(bench.simulator.ledger().batches.len(), 1);
}

#[tokio::test]
async fn case_77_a_restart_forgets_everything() {
    let bench = Bench::frozen().await;
    let id = bench.submit(chat_file(1)).await;
    let address = bench.simulator.base_url();
    let bind = address.trim_start_matches("http://").trim_end_matches("/v1");
    let bind = bind.parse().expect("an address");
    bench.simulator.stop(true).await;
    let again = Bench::with(Settings { bind, ..frozen() }).await;
    again.get(&format!("/batches/{id}")).await.error(404);
    assert_eq!(again.get("/files").await.ok()["data"], json!([]));
    assert_eq!(again.simulator.ledger().uploads, 0);
}

#[tokio::test]
async fn a_batch_can_fail_or_expire_on_order() {
    let bench = Bench::frozen().await;
    let id = fated(&bench, "batch_fails", 3).await;
    let failed = bench.finish(&id).await;
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["errors"]["data"][0]["code"], "server_error");
    assert_eq!(failed["errors"]["data"][0]["line"], Value::Null);

    let id = fated(&bench, "batch_expires", 10).await;
    let expired = bench.finish(&id).await;
    assert_eq!(expired["status"], "expired");
    assert_eq!(bench.results(&expired, "output_file_id").await.len(), 5);
    let error = bench.results(&expired, "error_file_id").await;
    assert_eq!(error.len(), 5);
    assert!(error.iter().all(|line| line["error"]["code"] == "batch_expired"));
    assert_eq!(bench.simulator.ledger().executed_lines, 5);
}

#[tokio::test]
async fn a_batch_fails_with_the_error_that_was_ordered() {
    let bench = Bench::frozen().await;
    let message = "Enqueued token limit reached for m in organization org-x. Limit: 1000 enqueued tokens.";
    bench
        .order(json!([
            { "operation": "create_batch", "fault": "batch_fails", "code": "token_limit_exceeded",
              "message": message, "line": null },
            { "operation": "create_batch", "fault": "batch_fails", "code": "invalid_value", "line": 2,
              "param": "body.messages" },
        ]))
        .await;
    let first = bench.submit(chat_file(3)).await;
    let second = bench.submit(chat_file(3)).await;
    let expected = json!([
        { "code": "token_limit_exceeded", "message": message, "param": null, "line": null }
    ]);
    assert_eq!(bench.finish(&first).await["errors"]["data"], expected);
    let message = "The batch could not be processed.";
    let expected =
        json!([{ "code": "invalid_value", "message": message, "param": "body.messages", "line": 2 }]);
    assert_eq!(bench.batch(&second).await["errors"]["data"], expected);
}

#[tokio::test]
async fn a_batch_can_lie_and_name_an_empty_file_on_order() {
    let bench = Bench::frozen().await;
    bench.order(json!({ "operation": "create_batch", "fault": "counts_lie" })).await;
    let batch = bench.run(&[chat_line("a", "[[status:500]]")]).await;
    assert_eq!(batch["request_counts"], json!({ "total": 1, "completed": 1, "failed": 0 }));
    assert_eq!(bench.results(&batch, "error_file_id").await.len(), 1);

    let id = fated(&bench, "zero_byte_error_file", 1).await;
    let batch = bench.finish(&id).await;
    assert!(bench.content(text(&batch["error_file_id"])).await.is_empty());
    assert_eq!(bench.run(&[chat_line("a", "fine")]).await["error_file_id"], Value::Null);
}

#[tokio::test]
async fn batches_fail_and_expire_by_chance() {
    let bench = with_faults(Faults { expire_rate: 0.25, fail_rate: 0.25, ..Faults::default() }).await;
    let file = bench.upload(chat_file(2)).await;
    for _ in 0..40 {
        bench.create(&file).await;
    }
    bench.control(Method::POST, "/clock", Some(json!({ "advance_seconds": 20_000 }))).await.ok();
    let ledger = bench.simulator.ledger();
    let count = |status: &str| ledger.batches.iter().filter(|batch| batch.status == status).count() as u64;
    assert_eq!(ledger.faults["batch_fails"], count("failed"));
    assert_eq!(ledger.faults["batch_expires"], count("expired"));
    assert!((3..=20).contains(&count("failed")));
    assert!((3..=20).contains(&count("expired")));
    assert_eq!(count("failed") + count("expired") + count("completed"), 40);
}
