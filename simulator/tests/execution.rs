//! Execution and result files (contract, section 7A, cases 39 to 53).

mod support;

use serde_json::Value;
use support::*;

#[tokio::test]
async fn case_39_states_follow_each_other_with_monotone_timestamps() {
    let bench = Bench::frozen().await;
    let id = bench.submit(chat_file(4)).await;
    let steps = [
        ("validating", 0, "created_at"),
        ("in_progress", VALIDATING, "in_progress_at"),
        ("finalizing", RUNNING, "finalizing_at"),
        ("completed", FINALIZING, "completed_at"),
    ];
    let mut known: Vec<(&str, Value)> = Vec::new();
    for (status, advance, timestamp) in steps {
        bench.advance(advance).await;
        let batch = bench.batch(&id).await;
        assert_eq!(batch["status"], status);
        for (name, value) in &known {
            assert_eq!(batch[*name], *value, "{name} changed");
        }
        let value = batch[timestamp].clone();
        assert!(
            value.as_u64() >= known.last().and_then(|(_, previous)| previous.as_u64()),
            "{timestamp}"
        );
        known.push((timestamp, value));
    }
    for absent in ["failed_at", "expired_at", "cancelling_at", "cancelled_at"] {
        assert_eq!(bench.batch(&id).await[absent], Value::Null);
    }
}
