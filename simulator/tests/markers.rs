//! What prompts can ask for in double brackets.

mod support;

use serde_json::{Value, json};
use support::*;

/// Runs one line alone, again and again, and returns what came of it each time: the line of either file, or
/// null if there is none.
async fn repeat(bench: &Bench, prompt: &str, times: usize) -> Vec<Value> {
    let mut results = Vec::new();
    for n in 0..times {
        let batch = bench.run(&[chat_line(&format!("try-{n}"), prompt)]).await;
        let mut lines = bench.results(&batch, "output_file_id").await;
        lines.extend(bench.results(&batch, "error_file_id").await);
        results.push(lines.into_iter().next().unwrap_or_default());
    }
    results
}

fn statuses(results: &[Value]) -> Vec<Option<u64>> {
    results.iter().map(|line| line["response"]["status_code"].as_u64()).collect()
}

#[tokio::test]
async fn an_error_can_be_asked_for_at_the_first_executions_of_a_body() {
    let bench = Bench::frozen().await;
    let refused = repeat(&bench, "[[status:429:2]] please", 4).await;
    assert_eq!(statuses(&refused), [Some(429), Some(429), Some(200), Some(200)]);
    // Another body counts by itself.
    let other = repeat(&bench, "[[status:503:1]] please", 2).await;
    assert_eq!(statuses(&other), [Some(503), Some(200)]);
    let silent = repeat(&bench, "[[timeout:1]]", 2).await;
    assert_eq!(silent[0]["error"]["code"], "request_timeout");
    assert_eq!(statuses(&silent), [None, Some(200)]);
    let both = repeat(&bench, "[[status:500:1]] and then [[status:429:2]]", 3).await;
    assert_eq!(statuses(&both), [Some(500), Some(429), Some(200)]);
}

#[tokio::test]
async fn a_line_can_be_missing_once_and_for_all() {
    let bench = Bench::frozen().await;
    assert_eq!(statuses(&repeat(&bench, "[[line:missing:1]]", 2).await), [None, Some(200)]);
    assert_eq!(statuses(&repeat(&bench, "[[line:missing]]", 3).await), [None, None, None]);
    let ledger = bench.simulator.ledger();
    assert_eq!((ledger.faults["line_missing"], ledger.executed_lines, ledger.paid_lines), (4, 5, 1));
}

#[tokio::test]
async fn each_way_to_spoil_a_line_can_be_asked_for_next_to_lines_that_are_well() {
    let bench = Bench::frozen().await;
    let lines = [
        chat_line("well", "fine"),
        chat_line("misfiled", "[[line:misfiled]]"),
        chat_line("duplicate", "[[line:duplicate]]"),
        chat_line("unknown", "[[line:unknown_id]]"),
        chat_line("zero", "[[line:status_0]]"),
    ];
    let batch = bench.run(&lines).await;
    let output = bench.results(&batch, "output_file_id").await;
    let mut found: Vec<(&str, u64)> = output
        .iter()
        .map(|line| (text(&line["custom_id"]), line["response"]["status_code"].as_u64().expect("a status")))
        .collect();
    found.sort_unstable();
    let expected = [
        ("duplicate", 200),
        ("duplicate", 200),
        ("misfiled", 500),
        ("never-sent", 200),
        ("unknown", 200),
        ("well", 200),
    ];
    assert_eq!(found, expected);
    let error = bench.results(&batch, "error_file_id").await;
    assert_eq!((error.len(), &error[0]["custom_id"]), (1, &json!("zero")));

    let batch = bench.run(&[chat_line("broken", "[[line:malformed:1]]")]).await;
    let output = bench.content(text(&batch["output_file_id"])).await;
    assert!(serde_json::from_slice::<Value>(&output).is_err());
    assert_eq!(statuses(&repeat(&bench, "[[line:malformed:1]]", 2).await)[1], Some(200));
}

#[tokio::test]
async fn poison_fails_its_whole_batch_and_names_no_line() {
    let bench = Bench::frozen().await;
    let lines = [chat_line("a", "fine"), chat_line("b", "[[poison]]"), chat_line("c", "[[poison]]")];
    let id = bench.submit(file_of(&lines)).await;
    let failed = bench.finish(&id).await;
    assert_eq!(failed["status"], "failed");
    let message = "The batch could not be processed because of one of its requests.";
    let expected = json!([{ "code": "poisoned", "message": message, "param": null, "line": null }]);
    assert_eq!(failed["errors"]["data"], expected);
    assert_eq!(bench.simulator.ledger().executed_lines, 0);
    bench.run(&lines[..1]).await;
}

#[tokio::test]
async fn poison_can_name_its_line() {
    let bench = Bench::frozen().await;
    let lines =
        [chat_line("a", "fine"), chat_line("b", "[[poison:line]]"), chat_line("c", "[[poison:line]]")];
    let id = bench.submit(file_of(&lines)).await;
    let failed = bench.finish(&id).await;
    assert_eq!(failed["status"], "failed");
    let errors = failed["errors"]["data"].as_array().expect("a list");
    let named: Vec<_> = errors.iter().map(|error| (text(&error["code"]), error["line"].as_u64())).collect();
    assert_eq!(named, [("invalid_value", Some(2)), ("invalid_value", Some(3))]);
    assert_eq!(bench.simulator.ledger().executed_lines, 0);
}

#[tokio::test]
async fn counts_shown_in_progress_foresee_what_was_asked_for() {
    let bench = Bench::frozen().await;
    let lines: Vec<String> =
        (0..10).map(|n| chat_line(&format!("id-{n}"), &format!("[[status:500:1]] {n}"))).collect();
    for [running, ended] in [[9, 10], [0, 0]] {
        let id = bench.submit(file_of(&lines)).await;
        bench.advance(VALIDATING).await;
        bench.advance(RUNNING - 1).await;
        assert_eq!(bench.batch(&id).await["request_counts"]["failed"], running);
        assert_eq!(bench.finish(&id).await["request_counts"]["failed"], ended);
    }
}
