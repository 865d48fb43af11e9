//! Execution and result files (contract, section 7A, cases 39 to 53).

mod support;

use std::collections::BTreeSet;

use batch_gpt_simulator::{Knobs, NoErrorFile, Settings};
use serde_json::{Value, json};
use support::*;

async fn bench_with(knobs: Knobs) -> Bench {
    Bench::with(Settings { knobs, ..frozen() }).await
}

/// Runs one batch of chat lines to its end.
async fn run(bench: &Bench, lines: &[String]) -> Value {
    let id = bench.submit(file_of(lines)).await;
    let batch = bench.finish(&id).await;
    assert_eq!(batch["status"], "completed", "{batch}");
    batch
}

fn mixed_lines() -> Vec<String> {
    let prompt = |n: usize| {
        if n.is_multiple_of(3) {
            "[[status:500]]".to_owned()
        } else {
            format!("question {n}")
        }
    };
    (0..9)
        .map(|n| chat_line(&format!("id-{n}"), &prompt(n)))
        .collect()
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
        let order: Vec<String> = output
            .iter()
            .map(|line| text(&line["custom_id"]).to_owned())
            .collect();
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
    assert_eq!(
        orders.len(),
        2,
        "the same seed gives the same order, another seed another"
    );
}

#[tokio::test]
async fn case_42_no_failure_no_error_file() {
    for (no_error_file, expected) in [
        (NoErrorFile::Null, Value::Null),
        (NoErrorFile::EmptyString, json!("")),
        (NoErrorFile::ZeroByteFile, json!(0)),
    ] {
        let bench = bench_with(Knobs {
            no_error_file,
            ..Knobs::default()
        })
        .await;
        let batch = run(&bench, &[chat_line("a", "fine")]).await;
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
    let batch = run(&bench, &mixed_lines()).await;
    let output = by_custom_id(&bench.results(&batch, "output_file_id").await);
    let error = by_custom_id(&bench.results(&batch, "error_file_id").await);
    assert_eq!(error.keys().collect::<Vec<_>>(), ["id-0", "id-3", "id-6"]);
    assert_eq!(output.len(), 6);
    assert!(output.keys().all(|id| !error.contains_key(id)));
}

#[tokio::test]
async fn case_44_all_failed() {
    let bench = Bench::frozen().await;
    let batch = run(
        &bench,
        &[chat_line("a", "[[status:400]]"), chat_line("b", "[[status:500]]")],
    )
    .await;
    assert_eq!(batch["output_file_id"], Value::Null);
    assert!(batch["error_file_id"].is_string());
    assert_eq!(
        batch["request_counts"],
        json!({ "total": 2, "completed": 0, "failed": 2 })
    );
    assert_eq!(bench.simulator.ledger().paid_lines, 0);
}

#[tokio::test]
async fn case_45_inference_error_400() {
    let bench = Bench::frozen().await;
    let mut hot = chat_body("too hot");
    hot["temperature"] = json!(9);
    let mut word = chat_body("not a number");
    word["temperature"] = json!("warm");
    let mut listless = chat_body("");
    listless["messages"] = json!("hello");
    let lines = [
        chat_line("steered", "[[status:400]]"),
        line_to(CHAT, "hot", hot),
        line_to(CHAT, "word", word),
        line_to(CHAT, "listless", listless),
    ];
    let batch = run(&bench, &lines).await;
    let error = by_custom_id(&bench.results(&batch, "error_file_id").await);
    assert_eq!(error.len(), 4);
    for line in error.values() {
        assert_eq!(line.get("error"), Some(&Value::Null));
        assert_eq!(line["response"]["status_code"], 400);
        assert!(text(&line["response"]["request_id"]).starts_with("req_"));
        let members: Vec<&String> = line["response"]["body"]["error"]
            .as_object()
            .expect("an object")
            .keys()
            .collect();
        assert_eq!(members, ["code", "message", "param", "type"]);
    }
    let body = |id: &str| error[id]["response"]["body"]["error"].clone();
    assert_eq!(body("hot")["param"], "temperature");
    assert_eq!(body("word")["code"], "invalid_type");
    assert_eq!(body("listless")["param"], "messages");
}

#[tokio::test]
async fn case_46_inference_error_429_and_500() {
    let bench = Bench::frozen().await;
    let batch = run(
        &bench,
        &[
            chat_line("429", "[[status:429]]"),
            chat_line("500", "[[status:500]]"),
        ],
    )
    .await;
    let error = by_custom_id(&bench.results(&batch, "error_file_id").await);
    assert_eq!(error["429"]["response"]["status_code"], 429);
    assert_eq!(
        error["429"]["response"]["body"]["error"]["code"],
        "rate_limit_exceeded"
    );
    assert_eq!(error["500"]["response"]["status_code"], 500);
    assert_eq!(error["500"]["response"]["body"]["error"]["type"], "server_error");
}

#[tokio::test]
async fn case_47_status_code_zero() {
    let expected = json!({ "status_code": 0, "request_id": "", "body": {} });
    let bench = bench_with(Knobs {
        status_zero_rate: 1.0,
        ..Knobs::default()
    })
    .await;
    let batch = run(&bench, &[chat_line("drawn", "fine")]).await;
    let error = bench.results(&batch, "error_file_id").await;
    assert_eq!(error[0]["response"], expected);
    assert_eq!(error[0]["error"], Value::Null);

    let bench = Bench::frozen().await;
    let batch = run(&bench, &[chat_line("steered", "[[status:0]]")]).await;
    assert_eq!(
        bench.results(&batch, "error_file_id").await[0]["response"],
        expected
    );
}

#[tokio::test]
async fn case_48_request_timeout() {
    let bench = bench_with(Knobs {
        request_timeout_rate: 1.0,
        ..Knobs::default()
    })
    .await;
    let drawn = run(&bench, &[chat_line("drawn", "fine")]).await;
    bench
        .patch(json!({ "knobs": { "request_timeout_rate": 0.0 } }))
        .await;
    let steered = run(&bench, &[chat_line("steered", "[[timeout]]")]).await;
    for batch in [drawn, steered] {
        let error = bench.results(&batch, "error_file_id").await;
        assert_eq!(error[0].get("response"), Some(&Value::Null));
        assert_eq!(error[0]["error"]["code"], "request_timeout");
    }
}

#[tokio::test]
async fn case_49_counts_lie() {
    let bench = bench_with(Knobs {
        counts_lie: true,
        ..Knobs::default()
    })
    .await;
    let batch = run(&bench, &[chat_line("a", "fine"), chat_line("b", "[[status:0]]")]).await;
    assert_eq!(
        batch["request_counts"],
        json!({ "total": 2, "completed": 2, "failed": 0 })
    );
    assert_eq!(bench.results(&batch, "error_file_id").await.len(), 1);
}

#[tokio::test]
async fn case_50_bodies_are_unaltered() {
    let canned =
        "{ \"id\":\"chatcmpl-\\u00e9\\/\", \"big\": 12345678901234567890123, \"f\":1.10e+2,\n \"a\":[ ] }";
    let bench = bench_with(Knobs {
        canned_body: Some(canned.to_owned()),
        ..Knobs::default()
    })
    .await;
    let batch = run(&bench, &[chat_line("a", "fine")]).await;
    let output = bench.content(text(&batch["output_file_id"])).await;
    let output = String::from_utf8(output).expect("UTF-8");
    assert!(
        output.contains(&format!("\"body\":{}", canned.replace('\n', " "))),
        "{output}"
    );
    assert_eq!(output.lines().count(), 1);
}

#[tokio::test]
async fn case_51_usage_and_model_at_the_end() {
    let bench = bench_with(Knobs {
        snapshot_suffix: "-2026-03-05".to_owned(),
        ..Knobs::default()
    })
    .await;
    let id = bench.submit(chat_file(5)).await;
    bench.advance(VALIDATING).await;
    let batch = bench.batch(&id).await;
    assert_eq!((&batch["usage"], &batch["model"]), (&Value::Null, &Value::Null));
    let batch = bench.finish(&id).await;
    assert_eq!(batch["model"], "gpt-4o-mini-2026-03-05");
    let output = bench.results(&batch, "output_file_id").await;
    let sum = |name: &str| -> u64 {
        output
            .iter()
            .map(|line| line["response"]["body"]["usage"][name].as_u64().expect("a count"))
            .sum()
    };
    assert!(
        output
            .iter()
            .all(|line| line["response"]["body"]["model"] == batch["model"])
    );
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
        assert_eq!(
            (&batch["output_file_id"], &batch["error_file_id"]),
            (&Value::Null, &Value::Null)
        );
    }
    assert!(bench.finish(&id).await["output_file_id"].is_string());

    let bench = bench_with(Knobs {
        early_file_ids: true,
        ..Knobs::default()
    })
    .await;
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
    let bench = bench_with(Knobs {
        omit_nulls: true,
        omit_final_newline: true,
        permute_keys: true,
        extra_members: true,
        bare_request_ids: true,
        ..Knobs::default()
    })
    .await;
    let batch = run(
        &bench,
        &chat_file(40).lines().map(str::to_owned).collect::<Vec<_>>(),
    )
    .await;
    assert!(
        batch
            .as_object()
            .expect("an object")
            .values()
            .all(|member| !member.is_null())
    );
    assert!(batch.get("error_file_id").is_none());
    assert!(batch.get("simulated").is_some());

    let output = String::from_utf8(bench.content(text(&batch["output_file_id"])).await).expect("UTF-8");
    assert!(!output.ends_with('\n'));
    let starts: BTreeSet<&str> = output.lines().filter_map(|line| line.split(':').next()).collect();
    assert!(starts.len() > 1, "the order of members differs from line to line");
    let lines: Vec<Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(by_custom_id(&lines).len(), 40);
    for line in &lines {
        assert!(line.get("error").is_none());
        assert!(line.get("simulated").is_some());
        assert!(
            text(&line["response"]["request_id"])
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit())
        );
    }
}
