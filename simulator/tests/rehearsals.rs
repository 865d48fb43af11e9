//! Each fault of calls and batches can be had in three ways: by command line, by HTTP and by chance.

mod support;

use batch_gpt_simulator::{Settings, SimulateArgs};
use clap::Parser;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use support::*;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    simulate: SimulateArgs,
}

const FAULTS: [&str; 30] = [
    "request_lost",
    "answer_lost",
    "status_401",
    "status_404",
    "status_429",
    "status_500",
    "status_502",
    "status_503",
    "status_504",
    "quota_exhausted",
    "billing_limit",
    "cut",
    "cut_chunked",
    "short",
    "short_chunked",
    "slow_headers",
    "trickle",
    "hang",
    "stale_status",
    "cannot_find_file",
    "batch_fails",
    "batch_expires",
    "late_batch",
    "late_content",
    "stuck_finalizing",
    "counts_lie",
    "zero_byte_error_file",
    "webhook_twice",
    "webhook_lost",
    "webhook_forged",
];

/// A simulator as the command line starts it, on a free port, with all that is slow made quick.
async fn started(flags: &[&str]) -> Bench {
    let usual = [
        "simulate",
        "--bind",
        "127.0.0.1:0",
        "--set",
        "faults.slow_ms=1;faults.trickle_ms=0;faults.trickle_bytes=4096;faults.hang_ms=1",
    ];
    let args = Command::parse_from(usual.iter().chain(flags)).simulate;
    Bench::with(Settings { timing: frozen().timing, ..args.settings() }).await
}

/// Makes a call that may meet anything, and returns what came back if it is JSON.
async fn attempt(request: reqwest::RequestBuilder) -> Value {
    let Ok(response) = request.bearer_auth("k").send().await else { return Value::Null };
    response.json().await.unwrap_or_default()
}

/// Goes the way of a batch as far as the faults let it, and returns how often `fault` happened.
async fn happened(bench: &Bench, fault: &str) -> u64 {
    let file = Part::bytes(chat_file(2).into_bytes()).file_name("input.jsonl");
    let form = Form::new().text("purpose", "batch").part("file", file);
    let uploaded = attempt(bench.client.post(bench.url("/files")).multipart(form)).await;
    if let Some(file) = uploaded["id"].as_str() {
        let body = create_body(file, CHAT);
        let created = attempt(bench.client.post(bench.url("/batches")).json(&body)).await;
        bench.advance(VALIDATING).await;
        if let Some(batch) = created["id"].as_str() {
            attempt(bench.client.get(bench.url(&format!("/batches/{batch}")))).await;
        }
    }
    bench.simulator.ledger().faults.get(fault).copied().unwrap_or_default()
}

#[tokio::test]
async fn each_fault_happens_by_command_line_by_http_and_by_chance() {
    for fault in FAULTS {
        let spared = started(&[]).await;
        assert_eq!(happened(&spared, fault).await, 0, "{fault} unasked");

        let by_flag = started(&["--fault", &format!("any={fault}:*")]).await;
        assert!(happened(&by_flag, fault).await > 0, "{fault} by command line");

        let by_http = started(&[]).await;
        by_http.order(json!({ "fault": fault, "times": null })).await;
        assert!(happened(&by_http, fault).await > 0, "{fault} by HTTP");

        let by_chance = started(&["--fault-rate", "1", "--fault-kinds", fault]).await;
        assert!(happened(&by_chance, fault).await > 0, "{fault} by chance");
    }
}

#[tokio::test]
async fn what_the_clock_brings_can_be_set_by_command_line_and_by_http() {
    let settings = [
        ("faults", "retrieve_lag_ms"),
        ("faults", "list_lag_ms"),
        ("faults", "content_lag_ms"),
        ("limits", "batch_retention_seconds"),
        ("limits", "enqueued_tokens"),
        ("webhooks", "retry_ms"),
    ];
    for (section, member) in settings {
        let by_flag = started(&["--set", &format!("{section}.{member}=77")]).await;
        let by_http = started(&[]).await;
        by_http.patch(json!({ section: { member: 77 } })).await;
        for bench in [by_flag, by_http] {
            let shown = bench.control(Method::GET, "/settings", None).await.ok();
            assert_eq!(shown[section][member], 77, "{section}.{member}");
        }
    }
}
