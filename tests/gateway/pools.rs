use futures_util::future::join_all;

use crate::process::{Gateway, text};

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
    for pool in actors["pools"].as_array().unwrap() {
        let handled: Vec<u64> = serde_json::from_value(pool["handled"].clone()).unwrap();
        assert_eq!((pool["size"].as_u64(), handled.len()), (Some(4), 4), "{pool}");
        // Twenty lanes meet every member of a pool of four but by the rarest chance, and this hash knows no chance.
        assert!(handled.iter().all(|count| *count > 0), "{pool}");
        assert!((1.0..4.0).contains(&pool["imbalance"].as_f64().unwrap()), "{pool}");
    }
    assert!(gateway.ledger().executions.values().all(|count| *count == 1));
}
