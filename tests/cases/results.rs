//! Cases 25 to 34: what a client gets of the line that is its own.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    crowd::{Crowd, ask, ask_one, lines, nothing_is_paid_twice, questions, statuses},
    process::{Gateway, PATIENCE, until},
};

const WIDE: (&str, &str) = ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "2000");

/// The body of the only line of a batch's error file.
async fn error_line(gateway: &Gateway, batch: &str) -> String {
    let batch = gateway.get_json(&format!("/v1/batches/{batch}")).await;
    let file = batch["error_file_id"].as_str().unwrap();
    let call = gateway.client.get(format!("{}/files/{file}/content", gateway.simulator.base_url()));
    call.bearer_auth("any").send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn case_25_a_refused_line_comes_with_its_own_status_and_body() {
    let gateway = Gateway::start().await;
    let told = ask(&gateway, ["fine", "wrong [[status:400]]"]).await;
    told[0].is_answered();
    told[1].is_refused(400, "invalid_value");
    told[1].was_executed(&gateway, 1);
    let batch = told[1].headers["x-batch-gpt-batch-id"].to_str().unwrap();
    let line = error_line(&gateway, batch).await;
    assert!(line.contains(&told[1].body), "{} is not in {line}", told[1].body);
}

#[tokio::test]
async fn case_26_a_line_that_failed_in_passing_is_sent_again() {
    let gateway = Gateway::start().await;
    let told = ask(&gateway, ["a [[status:429:2]]", "b [[status:500:1]]", "c [[status:503:2]]", "d"]).await;
    for (told, executions) in told.iter().zip([3, 2, 3, 1]) {
        told.is_answered();
        told.was_executed(&gateway, executions);
    }
    nothing_is_paid_twice(&gateway);
}

#[tokio::test]
async fn case_26_a_line_that_keeps_failing_is_told_its_own_last_failure() {
    let gateway = Gateway::start().await;
    let told = ask(&gateway, ["a [[status:429]]", "b [[status:500]]", "c"]).await;
    told[0].is_refused(429, "rate_limit_exceeded");
    assert_eq!(told[0].error()["message"], "The prompt asked for status 429.");
    told[1].is_refused(500, "server_error");
    told[2].is_answered();
    for (told, executions) in told.iter().zip([3, 3, 1]) {
        told.was_executed(&gateway, executions);
    }
}

#[tokio::test]
async fn case_26_as_many_attempts_are_made_as_configured() {
    join_all([1, 2].map(|attempts| async move {
        let setting = [("BATCH_GPT_MAX_ATTEMPTS", &*attempts.to_string())];
        let gateway = Gateway::with(Duration::from_millis(200), &setting).await;
        let told = ask_one(&gateway, "a [[status:503]]").await;
        told.is_refused(503, "server_error");
        told.was_executed(&gateway, attempts);
    }))
    .await;
}

#[tokio::test]
async fn case_27_a_line_without_a_readable_response_is_sent_again() {
    let gateway = Gateway::start().await;
    let told = ask(&gateway, ["a [[status:0:1]]", "b [[timeout:1]]", "c [[line:malformed:1]]", "d"]).await;
    for (told, executions) in told.iter().zip([2, 2, 2, 1]) {
        told.is_answered();
        told.was_executed(&gateway, executions);
    }
    nothing_is_paid_twice(&gateway);
}

#[tokio::test]
async fn case_27_a_line_that_never_has_a_readable_response_is_told_so() {
    let gateway = Gateway::start().await;
    let told = ask(&gateway, ["a [[status:0]]", "b [[timeout]]", "c [[line:malformed]]"]).await;
    told[0].is_refused(502, "batch_result_missing");
    told[1].is_refused(504, "request_timeout");
    told[2].is_refused(502, "batch_result_missing");
    for told in told {
        told.was_executed(&gateway, 3);
    }
}

#[tokio::test]
async fn case_28_a_line_that_is_in_neither_file_is_sent_again_and_then_given_up() {
    let gateway = Gateway::start().await;
    let told = ask(&gateway, ["a [[line:missing:1]]", "b [[line:missing]]", "c"]).await;
    told[0].is_answered();
    told[1].is_refused(502, "batch_result_missing");
    told[2].is_answered();
    for (told, executions) in told.iter().zip([2, 3, 1]) {
        told.was_executed(&gateway, executions);
    }
}

#[tokio::test]
async fn case_29_of_two_lines_for_one_request_the_first_counts() {
    let mut gateway = Gateway::start().await;
    let told = ask(&gateway, ["a [[line:duplicate]]", "b"]).await;
    for told in told {
        told.is_answered();
        told.was_executed(&gateway, 1);
    }
    assert!(gateway.says("odd lines").await.contains("duplicate: 1"));
}

#[tokio::test]
async fn case_30_a_line_for_a_stranger_is_passed_over() {
    let mut gateway = Gateway::start().await;
    let told = ask(&gateway, ["a [[line:unknown_id]]", "b"]).await;
    for told in told {
        told.is_answered();
        told.was_executed(&gateway, 1);
    }
    assert!(gateway.says("odd lines").await.contains("unknown: 1"));
}

#[tokio::test]
async fn case_31_files_that_are_absent_empty_or_the_wrong_ones_are_read_right() {
    join_all(["null", "empty_string", "zero_byte_file"].map(|no_error_file| async move {
        let gateway = Gateway::start().await;
        gateway.adjust(json!({ "knobs": { "no_error_file": no_error_file } })).await;
        ask(&gateway, questions(3)).await.iter().for_each(|told| told.is_answered());
        // Nothing but failures: there is no output file.
        ask_one(&gateway, "alone [[status:404]]").await.is_refused(404, "model_not_found");
        // A failure in the output file is a failure.
        let told = ask(&gateway, ["a [[line:misfiled]]", "b [[line:misfiled:1]]"]).await;
        told[0].is_refused(500, "server_error");
        told[1].is_answered();
        for (told, executions) in told.iter().zip([3, 2]) {
            told.was_executed(&gateway, executions);
        }
    }))
    .await;
}

#[tokio::test]
async fn case_32_an_expired_batchs_lines_are_delivered_and_the_rest_is_sent_again() {
    let gateway = Gateway::with(Duration::from_millis(200), &[WIDE]).await;
    gateway.order(json!([{ "operation": "create_batch", "fault": "batch_expires" }]));
    for told in ask(&gateway, questions(10)).await {
        told.is_answered();
        told.was_executed(&gateway, 1);
    }
    assert_eq!(statuses(&gateway), ["expired", "completed"]);
    assert_eq!(lines(&gateway), [10, 5]);
}

#[tokio::test]
async fn case_32_who_is_in_expired_batches_only_is_told_so() {
    let settings = [WIDE, ("BATCH_GPT_MAX_ATTEMPTS", "2")];
    let gateway = Gateway::with(Duration::from_millis(200), &settings).await;
    gateway.order(json!([{ "operation": "create_batch", "fault": "batch_expires", "times": null }]));
    let told = ask(&gateway, questions(8)).await;
    let (answered, expired): (Vec<_>, Vec<_>) = told.iter().partition(|told| told.status == 200);
    assert_eq!((answered.len(), expired.len()), (6, 2));
    answered.iter().for_each(|told| told.is_answered());
    expired.iter().for_each(|told| told.is_refused(504, "batch_expired"));
    assert_eq!(lines(&gateway), [8, 4]);
}

/// A gateway whose batch is executed in part and goes on slowly, that batch, and its ten clients.
async fn half_done() -> (Gateway, String, Crowd) {
    let gateway = Gateway::with(Duration::from_secs(5), &[WIDE]).await;
    let clients = Crowd::send(&gateway, questions(10));
    let done = async {
        loop {
            let call = gateway.client.get(format!("{}/batches", gateway.simulator.base_url()));
            let page: Value = call.bearer_auth("any").send().await.unwrap().json().await.unwrap();
            if page["data"][0]["request_counts"]["completed"].as_u64() >= Some(2) {
                return page["data"][0]["id"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let batch = tokio::time::timeout(PATIENCE, done).await.unwrap();
    (gateway, batch, clients)
}

async fn cancel(gateway: &Gateway, api: &str, batch: &str) {
    let call = gateway.client.post(format!("{api}/batches/{batch}/cancel")).bearer_auth("any");
    assert_eq!(call.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn case_33_of_a_batch_that_an_operator_cancelled_upstream_the_rest_is_sent_again() {
    let (gateway, batch, clients) = half_done().await;
    cancel(&gateway, &gateway.simulator.base_url(), &batch).await;
    until(async || statuses(&gateway) == ["cancelled"]).await;
    gateway.adjust(json!({ "timing": { "per_batch_ms": 200 } })).await;
    for told in clients.told().await {
        told.is_answered();
        told.was_executed(&gateway, 1);
    }
    assert_eq!(statuses(&gateway), ["cancelled", "completed"]);
}

#[tokio::test]
async fn case_33_of_a_batch_that_was_cancelled_here_the_rest_is_told_so() {
    let (gateway, batch, clients) = half_done().await;
    cancel(&gateway, &gateway.url, &batch).await;
    let told = clients.told().await;
    let (answered, cancelled): (Vec<_>, Vec<_>) = told.iter().partition(|told| told.status == 200);
    assert!(answered.len() >= 2 && !cancelled.is_empty(), "{} were answered", answered.len());
    answered.iter().for_each(|told| told.is_answered());
    cancelled.iter().for_each(|told| told.is_refused(502, "batch_cancelled"));
    assert_eq!(statuses(&gateway), ["cancelled"]);
}

#[tokio::test]
async fn case_34_counts_that_lie_hide_no_failure() {
    let gateway = Gateway::start().await;
    gateway.adjust(json!({ "knobs": { "counts_lie": true } })).await;
    let told = ask(&gateway, ["a", "b [[status:400]]", "c [[line:missing:1]]"]).await;
    told[0].is_answered();
    told[1].is_refused(400, "invalid_value");
    told[2].is_answered();
}
