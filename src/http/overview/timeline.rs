//! One batch as JSON: its steps, its counts and its files.

use batch_gpt_actors::rules::{
    time::Timestamp,
    timeline::{Step, Timeline},
};
use serde_json::{Value, json};

use super::numbers;

/// The batch.
pub fn view(batch: &Timeline, now: Timestamp) -> Value {
    let steps: Vec<Value> = batch.steps(now).iter().map(step).collect();
    json!({
        "object": "batch.timeline",
        "key": batch.key,
        "id": batch.id,
        "tenant": batch.lane.tenant,
        "endpoint": batch.lane.endpoint,
        "model": batch.lane.model,
        "status": batch.word(),
        "settled": batch.is_settled(),
        "overdue": batch.is_overdue(now),
        "cancelled_here": batch.cancelled,
        "requests": {
            "total": batch.requests,
            "answered": batch.answered,
            "failed": batch.failed,
            "given_back": batch.given_back,
        },
        "failures": batch.failures.list(),
        "upstream_counts": batch.lines,
        "input_file_id": batch.input_file,
        "output_file_id": batch.output_file,
        "error_file_id": batch.error_file,
        "spending": numbers::spending(&batch.spending),
        "timeline": steps,
    })
}

fn step(step: &Step) -> Value {
    json!({ "step": step.step, "at": step.at.0, "lasted_ms": step.lasted.map(|span| span.0) })
}
