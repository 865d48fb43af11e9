//! Equal requests share one answer, as far as their clients and their tenant allow.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::process::{Gateway, WIDE_WINDOW, text};

const QUICK: Duration = Duration::from_millis(200);

async fn send(call: RequestBuilder) -> Response {
    call.send().await.unwrap()
}

/// What the response says of the cache.
fn cache(response: &Response) -> &str {
    response.headers().get("x-batch-gpt-cache").map_or("", |value| value.to_str().unwrap())
}

fn id(response: &Response) -> String {
    response.headers()["x-batch-gpt-request-id"].to_str().unwrap().to_owned()
}

async fn code(response: Response) -> String {
    let body: Value = response.json().await.unwrap();
    let error = body["error"].as_object().unwrap_or_else(|| panic!("no error in {body}"));
    assert!(["message", "type", "param", "code"].iter().all(|member| error.contains_key(*member)), "{body}");
    error["code"].as_str().unwrap_or("").to_owned()
}

#[tokio::test]
async fn a_second_run_of_the_same_questions_is_answered_without_the_upstream() {
    let mut gateway = Gateway::start().await;
    let run = async |gateway: &Gateway| {
        let calls = (0..100).map(|n| send(gateway.chat("m", &format!("question {n}"))));
        let mut answers = Vec::new();
        for response in join_all(calls).await {
            assert_eq!(response.status(), 200);
            answers.push((cache(&response).to_owned(), response.bytes().await.unwrap()));
        }
        answers
    };
    let first = run(&gateway).await;
    assert!(first.iter().all(|(cache, _)| cache == "miss"));
    let calls = gateway.ledger().requests;
    let second = run(&gateway).await;
    assert!(second.iter().all(|(cache, _)| cache == "hit"));
    assert!(first.iter().zip(&second).all(|((_, first), (_, second))| first == second));
    assert_eq!(gateway.ledger().requests, calls);
    gateway.crash().await;
    let third = run(&gateway).await;
    assert!(third.iter().all(|(cache, _)| cache == "hit"));
    assert_eq!(gateway.ledger().executed_lines, 100);
}

#[tokio::test]
async fn equal_requests_in_flight_share_one_line() {
    let gateway = Gateway::start().await;
    let calls = (0..20).map(|_| send(gateway.chat("m", "the same")));
    let answers = join_all(calls).await;
    let misses = answers.iter().filter(|answer| cache(answer) == "miss").count();
    let shared = answers.iter().filter(|answer| cache(answer) == "shared").count();
    assert_eq!((misses, shared), (1, 19));
    let first = id(&answers[0]);
    assert!(answers.iter().all(|answer| id(answer) == first));
    for answer in answers {
        assert_eq!(text(&answer.json().await.unwrap()), "Answer to: the same");
    }
    assert_eq!(gateway.ledger().executed_lines, 1);
}

#[tokio::test]
async fn case_51_a_request_sent_again_joins_its_running_line() {
    let gateway = Gateway::with(QUICK, &[("BATCH_GPT_CACHE", "off"), WIDE_WINDOW]).await;
    let first = tokio::spawn(gateway.chat("m", "once").send());
    gateway.waiting(1).await;
    let again = send(gateway.chat("m", "once").header("x-stainless-retry-count", "1")).await;
    let first = first.await.unwrap().unwrap();
    assert_eq!(id(&first), id(&again));
    assert_eq!(gateway.ledger().executed_lines, 1);
}

#[tokio::test]
async fn case_52_a_request_equal_to_a_running_one_of_another_tenant_never_shares_it() {
    for setting in ["on", "off"] {
        let settings = [("BATCH_GPT_API_KEYS", "a:sk-a,b:sk-b"), ("BATCH_GPT_CACHE", setting), WIDE_WINDOW];
        let gateway = Gateway::with(QUICK, &settings).await;
        let again = |key| gateway.chat_as(key, "m", "same").header("x-stainless-retry-count", "1");
        let (first, other) = (gateway.chat_as("sk-a", "m", "same"), gateway.chat_as("sk-b", "m", "same"));
        let running = tokio::spawn(async { tokio::join!(send(first), send(other)) });
        gateway.waiting(2).await;
        let resent = send(again("sk-b")).await;
        let (first, other) = running.await.unwrap();
        assert_ne!(id(&first), id(&other));
        assert_eq!(id(&other), id(&resent));
        assert_eq!(gateway.ledger().executed_lines, 2, "one of each tenant");
        let stored = send(again("sk-b")).await;
        assert_ne!(id(&stored), id(&first));
        assert_eq!(gateway.ledger().executed_lines, 2);
    }
}

#[tokio::test]
async fn case_53_two_equal_requests_are_two_lines_without_the_cache() {
    let gateway = Gateway::with(QUICK, &[("BATCH_GPT_CACHE", "off")]).await;
    let (first, second) = tokio::join!(send(gateway.chat("m", "twice")), send(gateway.chat("m", "twice")));
    assert_ne!(id(&first), id(&second));
    assert_eq!(cache(&first), "");
    let third = send(gateway.chat("m", "twice")).await;
    assert!(![id(&first), id(&second)].contains(&id(&third)));
    let stored = send(gateway.chat("m", "twice").header("cache-control", "only-if-cached")).await;
    assert_eq!((stored.status().as_u16(), code(stored).await.as_str()), (404, "not_cached"));
    assert_eq!(gateway.ledger().executed_lines, 3);
}

#[tokio::test]
async fn case_54_a_final_failure_is_told_as_such_and_once_more_to_who_sends_again() {
    let gateway = Gateway::with(QUICK, &[("BATCH_GPT_MAX_ATTEMPTS", "1")]).await;
    let call = || gateway.chat("m", "never [[timeout]]");
    let first = send(call()).await;
    let (status, request) = (first.status().as_u16(), id(&first));
    assert_eq!(first.headers()["x-should-retry"], "false");
    assert_eq!((status, code(first).await.as_str()), (504, "request_timeout"));
    let again = send(call().header("x-stainless-retry-count", "1")).await;
    assert_eq!((again.status().as_u16(), id(&again)), (504, request.clone()));
    let asked = gateway.get(&format!("/v1/chat/completions/{request}")).await;
    assert_eq!(asked.status(), 504);
    let anew = send(call()).await;
    assert_eq!(cache(&anew), "miss", "a failure is nobody else's");
}

#[tokio::test]
async fn case_55_nobody_is_told_to_come_back_later_than_in_a_minute() {
    let settings = [("BATCH_GPT_HOLD", "retry"), ("BATCH_GPT_HEARTBEAT_SECONDS", "1")];
    let gateway = Gateway::with(Duration::from_secs(4), &settings).await;
    let limit = |response: &Response| {
        let after = response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap();
        assert!((1..=60).contains(&after), "{after}");
    };
    limit(&send(gateway.chat("m", "sent away")).await);
    let receipt = send(gateway.chat("m", "later").header("prefer", "respond-async")).await;
    limit(&receipt);
    limit(&gateway.get(&format!("/v1/chat/completions/{}", id(&receipt))).await);
}

#[tokio::test]
async fn no_line_ends_with_a_status_that_has_clients_send_again() {
    let gateway = Gateway::with(QUICK, &[("BATCH_GPT_MAX_ATTEMPTS", "1")]).await;
    for status in [408, 409] {
        let answer = send(gateway.chat("m", &format!("odd [[status:{status}]]"))).await;
        assert_eq!(answer.status(), 502);
        assert_eq!(answer.headers()["x-should-retry"], "false");
    }
}

#[tokio::test]
async fn what_is_cut_filtered_refused_or_failed_is_asked_again() {
    let gateway = Gateway::start().await;
    for form in ["[[length]]", "[[filter]]", "[[refusal]]", "[[status:400]]"] {
        for _ in 0..2 {
            assert_eq!(cache(&send(gateway.chat("m", form)).await), "miss", "{form}");
        }
        let body = json!({ "model": "m", "input": form });
        for _ in 0..2 {
            let call = gateway.client.post(format!("{}/responses", gateway.url)).bearer_auth("any");
            assert_eq!(cache(&send(call.json(&body)).await), "miss", "{form}");
        }
    }
    assert_eq!(gateway.ledger().executed_lines, 16);
}

#[tokio::test]
async fn a_client_decides_what_it_takes_and_what_it_leaves() {
    let gateway = Gateway::start().await;
    let ask = |prompt: &str, directive| send(gateway.chat("m", prompt).header("cache-control", directive));
    let missing = ask("q", "only-if-cached").await;
    assert_eq!(missing.headers()["x-should-retry"], "false");
    assert_eq!((missing.status().as_u16(), code(missing).await.as_str()), (404, "not_cached"));
    assert_eq!(gateway.ledger().executed_lines, 0);
    assert_eq!(cache(&ask("q", "max-age=0").await), "miss");
    assert_eq!(cache(&ask("q", "only-if-cached").await), "hit");
    let fresh = ask("q", "no-cache").await;
    assert_eq!(cache(&fresh), "miss");
    assert_eq!(gateway.ledger().executed_lines, 2);
    let private = ask("secret", "no-store").await;
    assert_eq!(cache(&private), "miss");
    assert_eq!(ask("secret", "only-if-cached").await.status(), 404);
    let own = gateway.chat("m", "secret").header("cache-control", "no-store");
    let own = send(own.header("x-stainless-retry-count", "1")).await;
    assert_eq!((cache(&own), id(&own)), ("hit", id(&private)));
    let (one, other) = tokio::join!(ask("both", "no-store"), ask("both", "max-age=5"));
    assert_ne!(id(&one), id(&other));
}

#[tokio::test]
async fn a_stream_of_a_stored_answer_says_so_and_a_missing_one_is_no_stream() {
    let gateway = Gateway::start().await;
    let stream = |prompt: &str| {
        let body =
            json!({ "model": "m", "stream": true, "messages": [{ "role": "user", "content": prompt }] });
        gateway.client.post(format!("{}/chat/completions", gateway.url)).bearer_auth("any").json(&body)
    };
    let missing = send(stream("s").header("cache-control", "only-if-cached")).await;
    assert_eq!(missing.status(), 404);
    let first = send(stream("s")).await;
    assert_eq!(cache(&first), "miss");
    assert!(first.text().await.unwrap().ends_with("data: [DONE]\n\n"));
    let second = send(stream("s")).await;
    assert_eq!(cache(&second), "hit");
    assert!(second.text().await.unwrap().ends_with("data: [DONE]\n\n"));
    assert_eq!(cache(&send(gateway.chat("m", "s")).await), "hit");
    assert_eq!(gateway.ledger().executed_lines, 1);
}

#[tokio::test]
async fn in_cache_mode_nothing_is_sent_upstream() {
    let mut gateway = Gateway::start().await;
    assert_eq!(cache(&send(gateway.chat("m", "known")).await), "miss");
    // The batch of before may still be looked at once more, but nothing new is made.
    let made = |gateway: &Gateway| {
        let ledger = gateway.ledger();
        (ledger.uploads, ledger.creates, ledger.executed_lines)
    };
    let before = made(&gateway);
    gateway.set("CLIENT_SERVING_MODE", "cache");
    gateway.crash().await;
    let known = send(gateway.chat("m", "known").header("prefer", "respond-async")).await;
    assert_eq!((known.status().as_u16(), cache(&known)), (200, "hit"));
    let unknown = send(gateway.chat("m", "unknown")).await;
    assert_eq!((unknown.status().as_u16(), code(unknown).await.as_str()), (404, "not_cached"));
    assert_eq!(made(&gateway), before);
}

#[tokio::test]
async fn a_client_waits_as_long_as_it_prefers_and_then_asks_later() {
    let gateway = Gateway::with(Duration::from_secs(4), &[]).await;
    let impatient = send(gateway.chat("m", "slow").header("prefer", "wait=1")).await;
    assert_eq!(impatient.status(), 202);
    assert_eq!(impatient.headers()["preference-applied"], "wait=1");
    let both = gateway.chat("m", "slower").header("prefer", "respond-async, wait=1");
    let both = send(both).await;
    assert_eq!(
        (both.status().as_u16(), &both.headers()["preference-applied"]),
        (202, &"respond-async, wait=1".parse().unwrap())
    );
    let patient = send(gateway.chat("m", "slow").header("prefer", "wait=50")).await;
    assert_eq!((patient.status().as_u16(), cache(&patient)), (200, "shared"));
    assert_eq!(id(&patient), id(&impatient));
    assert_eq!(gateway.get(&format!("/v1/chat/completions/{}", id(&impatient))).await.status(), 200);
}
