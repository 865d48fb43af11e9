//! The ledger, the clock and the settings over HTTP.

mod support;

use batch_gpt_simulator::Settings;
use reqwest::Method;
use serde_json::{Value, json};
use support::*;

#[tokio::test]
async fn the_ledger_counts_what_was_executed() {
    let bench = Bench::frozen().await;
    let same = chat_body("same");
    let lines =
        [line_to(CHAT, "a", same.clone()), line_to(CHAT, "b", same), chat_line("c", "[[status:500]]")];
    let file = bench.upload(file_of(&lines)).await;
    let mut body = create_body(&file, CHAT);
    body["metadata"] = json!({ "mark": "one" });
    let id = id_of(&bench.post("/batches", body).await.ok());
    bench.finish(&id).await;
    let ledger = bench.control(Method::GET, "/ledger", None).await.ok();
    assert_eq!(ledger["uploads"], 1);
    assert_eq!(ledger["creates"], 1);
    assert_eq!(ledger["retrieves"], 1);
    assert_eq!(ledger["executed_lines"], 3);
    assert_eq!(ledger["paid_lines"], 2);
    assert_eq!(ledger["executions"], json!({ "a": 1, "b": 1, "c": 1 }));
    let bodies: Vec<&Value> = ledger["bodies"].as_object().expect("an object").values().collect();
    assert_eq!(bodies.len(), 2);
    assert!(bodies.contains(&&json!({ "executed": 2, "paid": 2 })));
    assert!(bodies.contains(&&json!({ "executed": 1, "paid": 0 })));
    let expected = json!([{
        "id": id, "model": "gpt-4o-mini", "endpoint": CHAT, "lines": 3, "status": "completed",
        "metadata": { "mark": "one" },
    }]);
    assert_eq!(ledger["batches"], expected);
    assert_eq!(serde_json::to_value(bench.simulator.ledger()).expect("JSON"), ledger);
}

#[tokio::test]
async fn settings_are_merged_and_checked() {
    let bench = Bench::frozen().await;
    let before = bench.control(Method::GET, "/settings", None).await.ok();
    let patch = json!({ "limits": { "enqueued_tokens": 5 }, "knobs": { "no_error_file": "empty_string" } });
    let after = bench.control(Method::POST, "/settings", Some(patch)).await.ok();
    let mut expected = before.clone();
    expected["limits"]["enqueued_tokens"] = json!(5);
    expected["knobs"]["no_error_file"] = json!("empty_string");
    assert_eq!(after, expected);
    for bad in [
        json!({ "knobs": { "unheard_of": 1 } }),
        json!({ "timing": { "validating_ms": -1 } }),
        json!({ "keys": [] }),
        json!({ "knobs": { "canned_body": "{" } }),
        json!([]),
    ] {
        bench.control(Method::POST, "/settings", Some(bad)).await.error(400);
    }
    assert_eq!(bench.control(Method::GET, "/settings", None).await.ok(), expected);
    let back = json!({ "limits": { "enqueued_tokens": null } });
    assert_eq!(
        bench.control(Method::POST, "/settings", Some(back)).await.ok()["limits"]["enqueued_tokens"],
        Value::Null
    );
}

#[tokio::test]
async fn the_clock_only_goes_forward() {
    let bench = Bench::frozen().await;
    for bad in [json!({}), json!({ "advance_seconds": -1 }), json!({ "advance_seconds": 1, "and": 2 })] {
        bench.control(Method::POST, "/clock", Some(bad)).await.error(400);
    }
    let first = bench.control(Method::POST, "/clock", Some(json!({ "advance_seconds": 0 }))).await.ok();
    let second = bench.control(Method::POST, "/clock", Some(json!({ "advance_seconds": 100 }))).await.ok();
    assert!(second["now"].as_u64() >= first["now"].as_u64().map(|now| now + 100));
    let far = json!({ "advance_seconds": u64::MAX });
    bench.control(Method::POST, "/clock", Some(far.clone())).await.ok();
    bench.control(Method::POST, "/clock", Some(far)).await.ok();
    bench.submit(chat_file(1)).await;
}

#[tokio::test]
async fn batches_end_by_themselves_in_real_time() {
    let bench = Bench::with(Settings::default()).await;
    let id = bench.submit(chat_file(3)).await;
    for _ in 0..600 {
        if bench.batch(&id).await["status"] == "completed" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the batch did not end");
}

#[test]
fn keys_stay_out_of_debug_output() {
    let settings = Settings { keys: vec!["sk-secret".to_owned()], ..Settings::default() };
    assert!(!format!("{settings:?}").contains("sk-secret"));
}
