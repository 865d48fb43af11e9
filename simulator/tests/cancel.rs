//! Cancelling and expiry (contract, section 7A, cases 54 to 60).

mod support;

use batch_gpt_simulator::{Knobs, Settings, Timing};
use serde_json::{Value, json};
use std::time::Duration;
use support::*;

/// The outcome of a batch that was stopped halfway: every line is in exactly one file, those that were not
/// executed carry `code`, and only executed lines are in the ledger.
async fn check_partial(bench: &Bench, batch: &Value, code: &str) {
    let output = by_custom_id(&bench.results(batch, "output_file_id").await);
    let error = by_custom_id(&bench.results(batch, "error_file_id").await);
    assert!(!output.is_empty() && !error.is_empty());
    assert_eq!(output.len() + error.len(), 20);
    assert!(output.keys().all(|id| !error.contains_key(id)));
    for line in error.values() {
        assert_eq!(line["response"], Value::Null);
        assert_eq!(line["error"]["code"], code);
    }
    assert_eq!(batch["request_counts"], json!({ "total": 20, "completed": output.len(), "failed": 0 }));
    let ledger = bench.simulator.ledger();
    assert_eq!(ledger.executed_lines, output.len() as u64);
    assert!(ledger.executions.keys().eq(output.keys()));
}

#[tokio::test]
async fn case_54_cancel_in_progress() {
    let bench = Bench::frozen().await;
    let id = bench.submit(chat_file(20)).await;
    bench.advance(VALIDATING + RUNNING / 2).await;
    let batch = bench.cancel(&id).await.ok();
    assert_eq!(batch["status"], "cancelling");
    assert!(batch["cancelling_at"].is_u64());
    assert_eq!(batch["output_file_id"], Value::Null);
    assert_eq!(batch["error_file_id"], Value::Null);
    let batch = bench.finish(&id).await;
    assert_eq!(batch["status"], "cancelled");
    assert!(batch["cancelled_at"].as_u64() >= batch["cancelling_at"].as_u64());
    check_partial(&bench, &batch, "batch_cancelled").await;
}

#[tokio::test]
async fn case_55_cancel_again() {
    let bench = Bench::frozen().await;
    let id = bench.submit(chat_file(20)).await;
    bench.advance(VALIDATING + RUNNING / 2).await;
    let first = bench.cancel(&id).await.ok();
    bench.advance(10).await;
    assert_eq!(bench.cancel(&id).await.ok(), first);
    let cancelled = bench.finish(&id).await;
    assert_eq!(bench.cancel(&id).await.ok(), cancelled);
}

#[tokio::test]
async fn case_56_cancel_after_the_end() {
    let bench = Bench::frozen().await;
    let completed = bench.submit(chat_file(1)).await;
    let failed = bench.submit(chat_file(1) + "{}\n").await;
    bench.finish(&completed).await;
    bench.patch(json!({ "timing": { "per_batch_ms": 100_000_000 } })).await;
    let expired = bench.submit(chat_file(1)).await;
    bench.advance(90_000).await;
    for (id, status) in [(completed, "completed"), (failed, "failed"), (expired, "expired")] {
        let expected = json!({ "error": {
            "message": format!("Cannot cancel a batch with status '{status}'."),
            "type": "invalid_request_error", "param": null, "code": null,
        } });
        let answer = bench.cancel(&id).await;
        answer.error(409);
        assert_eq!(answer.json(), expected);
    }
}

#[tokio::test]
async fn case_57_cancel_unknown() {
    let bench = Bench::frozen().await;
    let error = bench.cancel("batch_none").await.error(404);
    assert_eq!(error["message"], "No batch found with id 'batch_none'.");
    assert_eq!(bench.get("/batches/batch_none").await.error(404)["message"], error["message"]);
}

#[tokio::test]
async fn case_58_cancel_while_validating() {
    let bench = Bench::frozen().await;
    let id = bench.submit(chat_file(3)).await;
    assert_eq!(bench.cancel(&id).await.ok()["status"], "cancelling");
    let batch = bench.finish(&id).await;
    assert_eq!(batch["status"], "cancelled");
    for absent in ["in_progress_at", "output_file_id", "error_file_id"] {
        assert_eq!(batch[absent], Value::Null);
    }
    assert_eq!(bench.simulator.ledger().executed_lines, 0);

    bench.patch(json!({ "knobs": { "cancel_while_validating": false } })).await;
    let id = bench.submit(chat_file(3)).await;
    bench.cancel(&id).await.error(409);
    assert_eq!(bench.finish(&id).await["status"], "completed");
}

#[tokio::test]
async fn case_59_cancel_while_finalizing() {
    for (loses, ending) in [(false, "cancelled"), (true, "completed")] {
        let knobs = Knobs { cancel_loses_to_finalizing: loses, ..Knobs::default() };
        let bench = Bench::with(Settings { knobs, ..frozen() }).await;
        let id = bench.submit(chat_file(5)).await;
        bench.advance(VALIDATING + RUNNING).await;
        assert_eq!(bench.batch(&id).await["status"], "finalizing");
        assert_eq!(bench.cancel(&id).await.ok()["status"], "cancelling");
        let batch = bench.finish(&id).await;
        assert_eq!(batch["status"], ending);
        assert_eq!(bench.results(&batch, "output_file_id").await.len(), 5);
        assert_eq!(batch["error_file_id"], Value::Null);
        assert_eq!(bench.simulator.ledger().executed_lines, 5);
    }
}

#[tokio::test]
async fn case_60_window_passes() {
    let timing = Timing { per_batch: Duration::from_secs(2 * 86_400), ..frozen().timing };
    let bench = Bench::with(Settings { timing, ..frozen() }).await;
    let id = bench.submit(chat_file(20)).await;
    bench.advance(80_000).await;
    assert_eq!(bench.batch(&id).await["status"], "in_progress");
    bench.advance(6_400).await;
    let batch = bench.batch(&id).await;
    assert_eq!(batch["status"], "expired");
    assert!(batch["expired_at"].as_u64() >= batch["expires_at"].as_u64());
    check_partial(&bench, &batch, "batch_expired").await;
    let error = bench.results(&batch, "error_file_id").await;
    assert_eq!(
        error[0]["error"]["message"],
        "This request could not be executed before the completion window expired."
    );
}
