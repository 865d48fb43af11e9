use std::time::Duration;

use serde_json::Value;

use crate::process::{Gateway, PATIENCE, text};

#[tokio::test]
async fn batches_are_listed_as_the_upstream_wrote_them() {
    let gateway = Gateway::with(Duration::from_millis(100), &[("BATCH_GPT_MAX_BATCH_REQUESTS", "1")]).await;
    for n in 0..3 {
        let answer: Value = gateway.chat("m", &format!("{n}")).send().await.unwrap().json().await.unwrap();
        assert_eq!(text(&answer), format!("Answer to: {n}"));
    }
    let page = gateway.get_json("/v1/batches").await;
    let batches = page["data"].as_array().unwrap();
    assert_eq!((page["object"].as_str(), page["has_more"].as_bool()), (Some("list"), Some(false)));
    assert_eq!(batches.len(), 3);
    assert_eq!(page["first_id"], batches[0]["id"]);
    assert_eq!(page["last_id"], batches[2]["id"]);
    for batch in batches {
        let id = batch["id"].as_str().unwrap();
        assert_eq!(batch["status"], "completed");
        assert_eq!(batch["request_counts"]["completed"], 1);
        let upstream = gateway.client.get(format!("{}/batches/{id}", gateway.simulator.base_url()));
        let upstream = upstream.bearer_auth("any").send().await.unwrap().text().await.unwrap();
        assert_eq!(gateway.get(&format!("/v1/batches/{id}")).await.text().await.unwrap(), upstream);
    }
    let mut paged = Vec::new();
    let mut after = String::new();
    loop {
        let page = gateway.get_json(&format!("/batches?limit=1{after}")).await;
        paged.push(page["data"][0]["id"].clone());
        after = format!("&after={}", page["last_id"].as_str().unwrap());
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(paged, batches.iter().map(|batch| batch["id"].clone()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_running_batch_can_be_cancelled_and_an_ended_one_cannot() {
    let gateway = Gateway::with(Duration::from_secs(3600), &[]).await;
    let parked = tokio::spawn(gateway.chat("m", "never mind").send());
    let wait = async {
        loop {
            let page = gateway.get_json("/v1/batches").await;
            if page["data"][0]["status"] == "in_progress" {
                return page["data"][0]["id"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let id = tokio::time::timeout(PATIENCE, wait).await.unwrap();
    let cancel = || async {
        let call = gateway.client.post(format!("{}/batches/{id}/cancel", gateway.url));
        call.bearer_auth("any").send().await.unwrap()
    };
    let cancelled = cancel().await;
    assert_eq!(cancelled.status(), 200);
    assert_eq!(cancelled.json::<Value>().await.unwrap()["status"], "cancelling");
    // The simulator has executed a part by then, so the one line has either its answer or the word of the end.
    let answer = parked.await.unwrap().unwrap();
    assert!([200, 502].contains(&answer.status().as_u16()), "{}", answer.status());
    assert_eq!(cancel().await.status(), 200);

    let quick = Gateway::start().await;
    quick.chat("m", "done").send().await.unwrap();
    let page = quick.get_json("/v1/batches").await;
    let call = quick.client.post(format!(
        "{}/batches/{}/cancel",
        quick.url,
        page["data"][0]["id"].as_str().unwrap()
    ));
    let refused = call.bearer_auth("any").send().await.unwrap();
    assert_eq!(refused.status(), 409);
    assert_eq!(refused.headers()["x-should-retry"], "false");
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["error"]["message"], "Cannot cancel a batch with status 'completed'.");
}
