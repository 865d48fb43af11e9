//! How faults are ordered, listed, cleared and drawn.

mod support;

use std::collections::BTreeMap;

use batch_gpt_simulator::{Faults, LedgerReport, Settings};
use reqwest::Method;
use serde_json::json;
use support::*;

#[tokio::test]
async fn orders_are_listed_counted_down_and_cleared() {
    let bench = Bench::frozen().await;
    let listed = bench.order(json!({ "fault": "status_500", "times": 2, "after": 1 })).await;
    let expected = |times: u64, after: u64| {
        json!({ "orders": [
            { "operation": "any", "fault": "status_500", "times": times, "after": after },
        ] })
    };
    assert_eq!(listed, expected(2, 1));
    bench.get("/files").await.ok();
    assert_eq!(bench.control(Method::GET, "/faults", None).await.ok(), expected(2, 0));
    bench.get("/batches").await.error(500);
    assert_eq!(bench.control(Method::GET, "/faults", None).await.ok(), expected(1, 0));
    let cleared = bench.control(Method::DELETE, "/faults", None).await.ok();
    assert_eq!(cleared, json!({ "orders": [] }));
    bench.get("/batches").await.ok();

    bench.order(json!({ "fault": "status_503", "times": null })).await;
    for _ in 0..5 {
        bench.get("/batches").await.error(503);
    }
    bench.control(Method::DELETE, "/faults", None).await.ok();
    bench.get("/batches").await.ok();
}

#[tokio::test]
async fn orders_that_make_no_sense_are_refused() {
    let bench = Bench::frozen().await;
    for bad in [
        json!({ "fault": "status_200" }),
        json!({ "fault": "unheard_of" }),
        json!({ "operation": "unheard_of", "fault": "cut" }),
        json!({ "operation": "list_files", "fault": "stale_status" }),
        json!({ "operation": "retrieve_batch", "fault": "batch_expires" }),
        json!({ "fault": "cut", "unheard_of": 1 }),
        json!({ "operation": "any" }),
        json!({ "fault": "cut", "message": "of no use" }),
        json!([{ "fault": "cut" }, {}]),
        json!(1),
    ] {
        bench.control(Method::POST, "/faults", Some(bad)).await.error(400);
    }
    for bad in [
        json!({ "faults": { "rate": 1.5 } }),
        json!({ "faults": { "content_lag_status": 200 } }),
        json!({ "faults": { "kinds": ["unheard_of"] } }),
    ] {
        bench.control(Method::POST, "/settings", Some(bad)).await.error(400);
    }
    assert_eq!(bench.control(Method::GET, "/faults", None).await.ok(), json!({ "orders": [] }));
}

async fn rehearse(seed: u64) -> (Vec<u16>, LedgerReport) {
    let faults = Faults { rate: 0.3, ..Faults::default() };
    let bench = Bench::with(Settings { seed, faults, ..frozen() }).await;
    let mut statuses = Vec::new();
    for _ in 0..100 {
        let request = bench.client.get(bench.url("/batches")).bearer_auth(&bench.key);
        statuses.push(match request.send().await {
            Err(_) => 0,
            Ok(response) => {
                let status = response.status().as_u16();
                if response.bytes().await.is_ok() { status } else { 1 }
            }
        });
    }
    (statuses, bench.simulator.ledger())
}

#[tokio::test]
async fn chance_is_a_function_of_the_seed() {
    let (first, ledger) = rehearse(7).await;
    let (again, _) = rehearse(7).await;
    let (other, _) = rehearse(8).await;
    assert_eq!(first, again);
    assert_ne!(first, other);
    let faulty = first.iter().filter(|status| **status != 200).count() as u64;
    assert_eq!(ledger.faults.values().sum::<u64>(), faulty);
    assert!((15..=45).contains(&faulty), "{faulty}");
    assert_eq!(ledger.requests, BTreeMap::from([("list_batches".to_owned(), 100)]));
    assert!(ledger.faults.len() > 4, "{:?}", ledger.faults);
}

#[tokio::test]
async fn chance_can_be_limited_to_kinds_and_calls() {
    let bench = Bench::frozen().await;
    bench
        .patch(json!({ "faults": {
            "rate": 1.0, "kinds": ["status_429"], "operations": ["retrieve_batch"], "retry_after_ms": 30,
        } }))
        .await;
    let id = bench.submit(chat_file(1)).await;
    let mut headers = BTreeMap::<_, u64>::new();
    for _ in 0..20 {
        let answer = bench.get(&format!("/batches/{id}")).await;
        answer.error(429);
        let named = (answer.header("retry-after").to_owned(), answer.header("retry-after-ms").to_owned());
        *headers.entry(named).or_default() += 1;
    }
    let names: Vec<_> = headers.keys().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(names, [("", "30"), ("1", "")]);
}

#[tokio::test]
async fn control_calls_and_strangers_meet_no_fault() {
    let bench = Bench::frozen().await;
    bench.order(json!({ "fault": "request_lost", "times": null })).await;
    bench.control(Method::GET, "/ledger", None).await.ok();
    bench.advance(1).await;
    let bare = bench.client.get(bench.url("/files")).send().await;
    Answer::of(bare.expect("an answer")).await.error(401);
    assert!(bench.simulator.ledger().requests.is_empty());
}
