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
    assert!(gateway.ledger().executions.values().all(|count| *count == 1));
}
