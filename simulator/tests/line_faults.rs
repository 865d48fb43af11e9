//! Lines whose results are missing, doubled, damaged or in the wrong place.

mod support;

use std::collections::BTreeSet;

use batch_gpt_simulator::{Faults, LineFault, Settings};
use serde_json::{Value, json};
use support::*;

/// Runs a batch of `count` lines, all of which meet `kind`.
async fn run_with(kind: LineFault, count: usize) -> (Bench, Value) {
    let faults = Faults { line_fault_rate: 1.0, line_kinds: vec![kind], ..Faults::default() };
    let bench = Bench::with(Settings { faults, ..frozen() }).await;
    let id = bench.submit(chat_file(count)).await;
    let batch = bench.finish(&id).await;
    assert_eq!(batch["status"], "completed");
    (bench, batch)
}

#[tokio::test]
async fn error_lines_by_kind() {
    for (kind, status) in [
        (LineFault::Status429, json!(429)),
        (LineFault::Status500, json!(500)),
        (LineFault::Status0, json!(0)),
        (LineFault::Timeout, Value::Null),
    ] {
        let (bench, batch) = run_with(kind, 3).await;
        let error = bench.results(&batch, "error_file_id").await;
        assert_eq!(by_custom_id(&error).len(), 3);
        assert!(error.iter().all(|line| line["response"]["status_code"] == status));
        assert_eq!(batch["output_file_id"], Value::Null);
        assert_eq!(batch["request_counts"]["failed"], 3);
        let ledger = bench.simulator.ledger();
        assert_eq!((ledger.executed_lines, ledger.paid_lines), (3, 0));
    }
}

#[tokio::test]
async fn lines_that_are_missing() {
    let (bench, batch) = run_with(LineFault::Missing, 3).await;
    assert_eq!((&batch["output_file_id"], &batch["error_file_id"]), (&Value::Null, &Value::Null));
    let ledger = bench.simulator.ledger();
    assert_eq!((ledger.executed_lines, ledger.paid_lines), (3, 0));
    assert_eq!(ledger.faults["line_missing"], 3);
}

#[tokio::test]
async fn lines_that_come_twice() {
    let (bench, batch) = run_with(LineFault::Duplicate, 3).await;
    let output = bench.results(&batch, "output_file_id").await;
    let ids: BTreeSet<&str> = output.iter().map(|line| text(&line["custom_id"])).collect();
    assert_eq!((output.len(), ids.len()), (6, 3));
    let ledger = bench.simulator.ledger();
    assert_eq!((ledger.executed_lines, ledger.paid_lines), (3, 3));
}

#[tokio::test]
async fn lines_nobody_asked_for() {
    let (bench, batch) = run_with(LineFault::UnknownId, 2).await;
    let output = bench.results(&batch, "output_file_id").await;
    let ids: Vec<&str> = output.iter().map(|line| text(&line["custom_id"])).collect();
    assert_eq!(ids.iter().filter(|id| **id == "never-sent").count(), 2);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 3);
    assert_eq!(bench.simulator.ledger().paid_lines, 2);
}

#[tokio::test]
async fn lines_that_break_off() {
    let (bench, batch) = run_with(LineFault::Malformed, 2).await;
    let output = bench.content(text(&batch["output_file_id"])).await;
    let lines: Vec<&[u8]> = output.trim_ascii_end().split(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines
            .iter()
            .all(|line| line.starts_with(b"{\"id\"") && serde_json::from_slice::<Value>(line).is_err())
    );
    assert_eq!(bench.simulator.ledger().paid_lines, 0);
}

#[tokio::test]
async fn error_lines_in_the_output_file() {
    let (bench, batch) = run_with(LineFault::Misfiled, 2).await;
    let output = bench.results(&batch, "output_file_id").await;
    assert_eq!(by_custom_id(&output).len(), 2);
    assert!(output.iter().all(|line| line["response"]["status_code"] == 500));
    assert_eq!(batch["error_file_id"], Value::Null);
}

#[tokio::test]
async fn chance_is_drawn_anew_in_each_batch() {
    let faults = Faults { line_fault_rate: 0.3, line_kinds: vec![LineFault::Status500], ..Faults::default() };
    let bench = Bench::with(Settings { faults, seed: 5, ..frozen() }).await;
    let mut failed = Vec::new();
    for _ in 0..2 {
        let id = bench.submit(chat_file(100)).await;
        bench.advance(VALIDATING).await;
        bench.advance(RUNNING - 1).await;
        let running = bench.batch(&id).await["request_counts"].clone();
        let batch = bench.finish(&id).await;
        let error = by_custom_id(&bench.results(&batch, "error_file_id").await);
        assert!((15..=45).contains(&error.len()), "{}", error.len());
        let shown = running["failed"].as_u64().expect("a count");
        assert!((error.len() as u64 - 1..=error.len() as u64).contains(&shown), "{running}");
        failed.push(error.into_keys().collect::<Vec<_>>());
    }
    assert_ne!(failed[0], failed[1]);
    let ledger = bench.simulator.ledger();
    let faults = ledger.faults["line_status_500"];
    assert_eq!(ledger.paid_lines + faults, 200);
    assert_eq!(ledger.executed_lines, 200);
}
