use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::Value;

use crate::process::{Gateway, text};

#[tokio::test]
async fn three_hundred_calls_over_three_models_make_three_files() {
    let window = [("COLLATE_BATCHES_FOR_DURATION_IN_MS", "2000")];
    let gateway = Gateway::with(std::time::Duration::from_millis(200), &window).await;
    let calls = (0..300).map(|n| gateway.chat(&format!("model-{}", n % 3), &format!("question {n}")).send());
    for (n, answer) in join_all(calls).await.into_iter().enumerate() {
        let answer: Value = answer.unwrap().json().await.unwrap();
        assert_eq!(text(&answer), format!("Answer to: question {n}"));
    }
    let ledger = gateway.ledger();
    let models: HashSet<_> = ledger.batches.iter().map(|batch| batch.model.clone()).collect();
    assert_eq!(models.len(), 3);
    assert_eq!(ledger.batches.iter().map(|batch| batch.lines).collect::<Vec<_>>(), [100, 100, 100]);
}

#[tokio::test]
async fn pools_of_four_answer_as_a_pool_of_one() {
    let pools = [
        ("BATCH_GPT_COLLECTORS", "4"),
        ("BATCH_GPT_BATCH_SUBMITTERS", "4"),
        ("BATCH_GPT_POLLER_ARBITERS", "4"),
        ("BATCH_GPT_STATUS_LOGGERS", "4"),
    ];
    let gateway = Gateway::with(std::time::Duration::from_millis(200), &pools).await;
    let calls = (0..200).map(|n| gateway.chat(&format!("model-{}", n % 20), &format!("question {n}")).send());
    for (n, answer) in join_all(calls).await.into_iter().enumerate() {
        assert_eq!(text(&answer.unwrap().json().await.unwrap()), format!("Answer to: question {n}"));
    }
    let actors = gateway.get_json("/debug/actors").await;
    let count =
        |kind: &str| actors["actors"].as_array().unwrap().iter().filter(|a| a["kind"] == kind).count();
    assert_eq!((count("Collector"), count("BatchSubmitter"), count("StatusLogger")), (4, 4, 4));
    assert!(gateway.ledger().executions.values().all(|count| *count == 1));
}

#[tokio::test]
async fn tenants_never_share_a_file_nor_see_each_others() {
    let settings = [
        ("BATCH_GPT_API_KEYS", "a:sk-a,b:sk-b"),
        ("BATCH_GPT_ADMIN_KEY", "sk-admin"),
        ("BATCH_GPT_CACHE", "off"),
    ];
    let gateway = Gateway::with(std::time::Duration::from_millis(200), &settings).await;
    let calls = (0..20).map(|n| {
        let key = if n % 2 == 0 { "sk-a" } else { "sk-b" };
        gateway.chat_as(key, "m", "the same question").send()
    });
    for answer in join_all(calls).await {
        assert_eq!(answer.unwrap().status(), 200);
    }
    assert_eq!(gateway.ledger().batches.iter().map(|batch| batch.lines).collect::<Vec<_>>(), [10, 10]);
    let list = |key: &str| {
        let call = gateway.client.get(format!("{}/batches", gateway.url)).bearer_auth(key);
        async {
            call.send().await.unwrap().json::<Value>().await.unwrap()["data"].as_array().unwrap().clone()
        }
    };
    let (a, b, all) = (list("sk-a").await, list("sk-b").await, list("sk-admin").await);
    assert_eq!((a.len(), b.len(), all.len()), (1, 1, 2));
    let strangers = gateway.client.get(format!("{}/batches/{}", gateway.url, b[0]["id"].as_str().unwrap()));
    assert_eq!(strangers.bearer_auth("sk-a").send().await.unwrap().status(), 404);
}
