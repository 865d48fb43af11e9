//! Cases 23 and 24: batches that fail their validation.

use std::time::Duration;

use serde_json::json;

use crate::{
    crowd::{Told, ask, lines, nothing_is_paid_twice, questions, statuses},
    process::Gateway,
};

/// No sending may be wasted on a stranger's mistake.
const ONE_ATTEMPT: (&str, &str) = ("BATCH_GPT_MAX_ATTEMPTS", "1");
const WIDE: (&str, &str) = ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "2000");

async fn gateway() -> Gateway {
    Gateway::with(Duration::from_millis(200), &[ONE_ATTEMPT, WIDE]).await
}

/// Eight questions, with these among them.
fn eight_with(bad: &[&str]) -> Vec<String> {
    let mut prompts = questions(8);
    for (number, bad) in bad.iter().enumerate() {
        prompts[3 * number + 1] = format!("{number} {bad}");
    }
    prompts
}

/// Whoever asked for it is told a 400 with this code, the others have their own answers, and each line was executed once at most.
fn only_the_bad_ones_fail(gateway: &Gateway, told: &[Told], code: &str) {
    for told in told {
        if told.prompt.contains("[[") {
            told.is_refused(400, code);
            told.was_executed(gateway, 0);
        } else {
            told.is_answered();
            told.was_executed(gateway, 1);
        }
    }
    nothing_is_paid_twice(gateway);
}

#[tokio::test]
async fn case_23_a_line_that_fails_the_batch_is_told_so_and_the_others_are_sent_again() {
    let gateway = gateway().await;
    let told = ask(&gateway, eight_with(&["[[poison:line]]", "[[poison:line]]"])).await;
    only_the_bad_ones_fail(&gateway, &told, "invalid_value");
    assert_eq!(statuses(&gateway), ["failed", "completed"]);
    assert_eq!(lines(&gateway), [0, 6]);
}

#[tokio::test]
async fn case_23_the_line_that_the_upstream_names_gets_the_upstreams_words() {
    let gateway = gateway().await;
    gateway.order(json!([{
        "operation": "create_batch", "fault": "batch_fails", "line": 1, "code": "string_above_max_length",
        "message": "The string is too long.", "param": "body.user",
    }]));
    let told = ask(&gateway, questions(4)).await;
    let (refused, answered): (Vec<_>, Vec<_>) = told.iter().partition(|told| told.status != 200);
    answered.iter().for_each(|told| told.is_answered());
    let [refused] = refused[..] else { panic!("one is refused, but these are {refused:?}") };
    refused.is_refused(400, "string_above_max_length");
    let error = refused.error();
    assert_eq!(error["message"], "The string is too long.");
    assert_eq!(
        (error["param"].as_str(), error["type"].as_str()),
        (Some("body.user"), Some("invalid_request_error"))
    );
    refused.was_executed(&gateway, 0);
    assert_eq!(lines(&gateway), [0, 3]);
}

#[tokio::test]
async fn case_23_a_model_without_batches_is_told_to_everybody_who_asked_for_it() {
    let gateway = gateway().await;
    let calls = (0..4).map(|n| {
        let (model, prompt) = (["m", "unsupported-model"][n % 2], format!("{n}"));
        let call = gateway.chat(model, &prompt).send();
        async move { (model, Told::read(prompt, call.await.unwrap()).await) }
    });
    for (model, told) in futures_util::future::join_all(calls).await {
        if model == "m" {
            told.is_answered();
        } else {
            told.is_refused(400, "model_not_found");
        }
    }
    assert_eq!(gateway.ledger().creates, 2);
}

#[tokio::test]
async fn case_24_a_batch_that_fails_without_a_line_is_halved_until_the_line_is_found() {
    let gateway = gateway().await;
    let told = ask(&gateway, eight_with(&["[[poison]]"])).await;
    only_the_bad_ones_fail(&gateway, &told, "poisoned");
    // The whole, two halves at each of three levels, and the bad one once more alone.
    assert_eq!(gateway.ledger().creates, 8);
}

#[tokio::test]
async fn case_24_two_bad_lines_are_found_as_well() {
    let gateway = gateway().await;
    let told = ask(&gateway, eight_with(&["[[poison]]", "[[poison]]"])).await;
    only_the_bad_ones_fail(&gateway, &told, "poisoned");
}

#[tokio::test]
async fn case_24_an_upstream_that_fails_every_batch_leaves_nobody_waiting() {
    let gateway = gateway().await;
    gateway.order(json!([{ "operation": "create_batch", "fault": "batch_fails", "times": null }]));
    for told in ask(&gateway, questions(8)).await {
        assert_eq!(told.status, 400, "{told:?}");
        assert_eq!(told.headers["x-should-retry"], "false");
    }
    let ledger = gateway.ledger();
    // All halves down to single requests, and each of these once more.
    assert_eq!((ledger.creates, ledger.executed_lines), (15 + 8, 0));
}
