//! Execution and result files (contract, section 7A, cases 39 to 44 and 49 to 53).

mod support;

use std::collections::BTreeSet;

use batch_gpt_simulator::{Knobs, NoErrorFile, Settings};
use serde_json::{Value, json};
use support::*;

fn mixed_lines() -> Vec<String> {
    let prompt = |n: usize| {
        if n.is_multiple_of(3) { "[[status:500]]".to_owned() } else { format!("question {n}") }
    };
    (0..9).map(|n| chat_line(&format!("id-{n}"), &prompt(n))).collect()
}

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
        assert!(value.as_u64() >= known.last().and_then(|(_, previous)| previous.as_u64()), "{timestamp}");
        known.push((timestamp, value));
    }
    for absent in ["failed_at", "expired_at", "cancelling_at", "cancelled_at"] {
        assert_eq!(bench.batch(&id).await[absent], Value::Null);
    }
}

#[tokio::test]
async fn case_40_counts_grow_to_the_total() {
    let bench = Bench::frozen().await;
    let id = bench.submit(file_of(&mixed_lines())).await;
    let zero = json!({ "total": 0, "completed": 0, "failed": 0 });
    assert_eq!(bench.batch(&id).await["request_counts"], zero);
    bench.advance(VALIDATING).await;
    let mut previous = (0, 0);
    for _ in 0..10 {
        let counts = bench.batch(&id).await["request_counts"].clone();
        assert_eq!(counts["total"], 9);
        let count = |name: &str| counts[name].as_u64().expect("a count");
        let now = (count("completed"), count("failed"));
        assert!(now.0 >= previous.0 && now.1 >= previous.1);
        previous = now;
        bench.advance(RUNNING / 10).await;
    }
    assert!(previous.0 + previous.1 > 0);
    let finished = json!({ "total": 9, "completed": 6, "failed": 3 });
    assert_eq!(bench.finish(&id).await["request_counts"], finished);
}

#[tokio::test]
async fn case_41_output_order_depends_on_the_seed() {
    let mut orders = BTreeSet::new();
    for seed in [1, 1, 2] {
        let bench = Bench::with(Settings { seed, ..frozen() }).await;
        let id = bench.submit(chat_file(30)).await;
        let batch = bench.finish(&id).await;
        let output = bench.results(&batch, "output_file_id").await;
        let order: Vec<String> = output.iter().map(|line| text(&line["custom_id"]).to_owned()).collect();
        let sent: Vec<String> = (0..30).map(|n| format!("id-{n}")).collect();
        assert_ne!(order, sent);
        assert_eq!(order.iter().collect::<BTreeSet<_>>(), sent.iter().collect());
        let ids: BTreeSet<&str> = output.iter().map(|line| text(&line["id"])).collect();
        assert_eq!(ids.len(), 30);
        assert!(ids.iter().all(|id| id.starts_with("batch_req_")));
        for line in &output {
            let number = text(&line["custom_id"]).trim_start_matches("id-");
            let answer = &line["response"]["body"]["choices"][0]["message"]["content"];
            assert_eq!(*answer, format!("Answer to: question {number}"));
        }
        orders.insert(order);
    }
    assert_eq!(orders.len(), 2, "the same seed gives the same order, another seed another");
}

#[tokio::test]
async fn case_42_no_failure_no_error_file() {
    for (no_error_file, expected) in [
        (NoErrorFile::Null, Value::Null),
        (NoErrorFile::EmptyString, json!("")),
        (NoErrorFile::ZeroByteFile, json!(0)),
    ] {
        let bench = Bench::turned(Knobs { no_error_file, ..Knobs::default() }).await;
        let batch = bench.run(&[chat_line("a", "fine")]).await;
        assert!(batch["output_file_id"].is_string());
        if expected == json!(0) {
            assert!(bench.content(text(&batch["error_file_id"])).await.is_empty());
        } else {
            assert_eq!(batch["error_file_id"], expected);
        }
    }
}

#[tokio::test]
async fn case_43_mixed_results() {
    let bench = Bench::frozen().await;
    let batch = bench.run(&mixed_lines()).await;
    let output = by_custom_id(&bench.results(&batch, "output_file_id").await);
    let error = by_custom_id(&bench.results(&batch, "error_file_id").await);
    assert_eq!(error.keys().collect::<Vec<_>>(), ["id-0", "id-3", "id-6"]);
    assert_eq!(output.len(), 6);
    assert!(output.keys().all(|id| !error.contains_key(id)));
}

#[tokio::test]
async fn case_44_all_failed() {
    let bench = Bench::frozen().await;
    let batch = bench.run(&[chat_line("a", "[[status:400]]"), chat_line("b", "[[status:500]]")]).await;
    assert_eq!(batch["output_file_id"], Value::Null);
    assert!(batch["error_file_id"].is_string());
    assert_eq!(batch["request_counts"], json!({ "total": 2, "completed": 0, "failed": 2 }));
    assert_eq!(bench.simulator.ledger().paid_lines, 0);
}

#[tokio::test]
async fn case_49_counts_lie() {
    let bench = Bench::turned(Knobs { counts_lie: true, ..Knobs::default() }).await;
    let batch = bench.run(&[chat_line("a", "fine"), chat_line("b", "[[status:0]]")]).await;
    assert_eq!(batch["request_counts"], json!({ "total": 2, "completed": 2, "failed": 0 }));
    assert_eq!(bench.results(&batch, "error_file_id").await.len(), 1);
}

#[tokio::test]
async fn case_50_bodies_are_unaltered() {
    let canned =
        "{ \"id\":\"chatcmpl-\\u00e9\\/\", \"big\": 12345678901234567890123, \"f\":1.10e+2,\n \"a\":[ ] }";
    let bench = Bench::turned(Knobs { canned_body: Some(canned.to_owned()), ..Knobs::default() }).await;
    let batch = bench.run(&[chat_line("a", "fine")]).await;
    let output = bench.content(text(&batch["output_file_id"])).await;
    let output = String::from_utf8(output).expect("UTF-8");
    assert!(output.contains(&format!("\"body\":{}", canned.replace('\n', " "))), "{output}");
    assert_eq!(output.lines().count(), 1);
}

#[tokio::test]
async fn case_51_usage_and_model_at_the_end() {
    let bench = Bench::turned(Knobs { snapshot_suffix: "-2026-03-05".to_owned(), ..Knobs::default() }).await;
    let id = bench.submit(chat_file(5)).await;
    bench.advance(VALIDATING).await;
    let batch = bench.batch(&id).await;
    assert_eq!((&batch["usage"], &batch["model"]), (&Value::Null, &Value::Null));
    let batch = bench.finish(&id).await;
    assert_eq!(batch["model"], "gpt-4o-mini-2026-03-05");
    let output = bench.results(&batch, "output_file_id").await;
    let sum = |name: &str| -> u64 {
        output.iter().map(|line| line["response"]["body"]["usage"][name].as_u64().expect("a count")).sum()
    };
    assert!(output.iter().all(|line| line["response"]["body"]["model"] == batch["model"]));
    let expected = json!({
        "input_tokens": sum("prompt_tokens"), "input_tokens_details": { "cached_tokens": 0 },
        "output_tokens": sum("completion_tokens"), "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": sum("total_tokens"),
    });
    assert_eq!(batch["usage"], expected);
    assert!(sum("total_tokens") > 0);
}

#[tokio::test]
async fn case_52_file_ids_appear_at_the_end() {
    let bench = Bench::frozen().await;
    let id = bench.submit(chat_file(2)).await;
    for advance in [0, VALIDATING, RUNNING] {
        bench.advance(advance).await;
        let batch = bench.batch(&id).await;
        assert_eq!((&batch["output_file_id"], &batch["error_file_id"]), (&Value::Null, &Value::Null));
    }
    assert!(bench.finish(&id).await["output_file_id"].is_string());

    let bench = Bench::turned(Knobs { early_file_ids: true, ..Knobs::default() }).await;
    let id = bench.submit(chat_file(2)).await;
    bench.advance(VALIDATING).await;
    let early = bench.batch(&id).await;
    assert_eq!(early["status"], "in_progress");
    assert!(bench.content(text(&early["output_file_id"])).await.is_empty());
    let batch = bench.finish(&id).await;
    assert_eq!(batch["output_file_id"], early["output_file_id"]);
    assert_eq!(batch["error_file_id"], early["error_file_id"]);
    assert_eq!(bench.results(&batch, "output_file_id").await.len(), 2);
    assert!(bench.content(text(&batch["error_file_id"])).await.is_empty());
}

#[tokio::test]
async fn case_53_forms_that_vary() {
    let bench = Bench::turned(Knobs {
        omit_nulls: true,
        omit_final_newline: true,
        permute_keys: true,
        extra_members: true,
        bare_request_ids: true,
        ..Knobs::default()
    })
    .await;
    let batch = bench.run(&chat_file(40).lines().map(str::to_owned).collect::<Vec<_>>()).await;
    assert!(batch.as_object().expect("an object").values().all(|member| !member.is_null()));
    assert!(batch.get("error_file_id").is_none());
    assert!(batch.get("simulated").is_some());

    let output = String::from_utf8(bench.content(text(&batch["output_file_id"])).await).expect("UTF-8");
    assert!(!output.ends_with('\n'));
    let starts: BTreeSet<&str> = output.lines().filter_map(|line| line.split(':').next()).collect();
    assert!(starts.len() > 1, "the order of members differs from line to line");
    let lines: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(by_custom_id(&lines).len(), 40);
    for line in &lines {
        assert!(line.get("error").is_none());
        assert!(line.get("simulated").is_some());
        assert!(text(&line["response"]["request_id"]).bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
