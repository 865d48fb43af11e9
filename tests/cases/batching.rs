//! Cases 14 to 19 and 22: which requests become one batch, and when.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    crowd::{Crowd, ask, ask_one, lines, nothing_is_paid_twice, questions},
    process::{Gateway, PATIENCE, text},
};

/// Longer than a test takes, so that it is not the window that seals a lane.
const ENDLESS: (&str, &str) = ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "3600000");
/// Long enough for every client of a test to come in time.
const WIDE: (&str, &str) = ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "2000");

const QUICK: Duration = Duration::from_millis(200);

#[tokio::test]
async fn case_14_one_file_has_one_model_and_endpoint() {
    let gateway = Gateway::with(QUICK, &[WIDE]).await;
    let model = |n| format!("model-{}", n % 3);
    let chats = join_all((0..150).map(|n| gateway.chat(&model(n), &format!("question {n}")).send()));
    let embeddings = join_all((0..30).map(|n| {
        let body = json!({ "model": model(n), "input": format!("text {n}") });
        gateway.client.post(format!("{}/embeddings", gateway.url)).bearer_auth("any").json(&body).send()
    }));
    let (chats, embeddings) = tokio::join!(chats, embeddings);
    for (n, answer) in chats.into_iter().enumerate() {
        assert_eq!(text(&answer.unwrap().json().await.unwrap()), format!("Answer to: question {n}"));
    }
    for answer in embeddings {
        assert_eq!(answer.unwrap().json::<Value>().await.unwrap()["object"], "list");
    }
    let ledger = gateway.ledger();
    let mut batches: Vec<_> = ledger
        .batches
        .iter()
        .map(|batch| (batch.endpoint.as_str(), batch.model.as_deref().unwrap(), batch.lines))
        .collect();
    batches.sort_unstable();
    let (chat, embed) = ("/v1/chat/completions", "/v1/embeddings");
    let expected = [(chat, 50), (embed, 10)].into_iter().flat_map(|(endpoint, lines)| {
        ["model-0", "model-1", "model-2"].map(|model| (endpoint, model, lines))
    });
    assert_eq!(batches, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn case_15_tenants_never_share_a_file_nor_see_each_others() {
    let keys = [
        ("BATCH_GPT_API_KEYS", "a:sk-a,b:sk-b"),
        ("BATCH_GPT_ADMIN_KEY", "sk-admin"),
        ("BATCH_GPT_CACHE", "off"),
        WIDE,
    ];
    let gateway = Gateway::with(QUICK, &keys).await;
    let calls = (0..20).map(|n| {
        let key = if n % 2 == 0 { "sk-a" } else { "sk-b" };
        gateway.chat_as(key, "m", "the same question").send()
    });
    for answer in join_all(calls).await {
        assert_eq!(answer.unwrap().status(), 200);
    }
    assert_eq!(lines(&gateway), [10, 10]);
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

#[tokio::test]
async fn case_16_organization_and_project_change_nothing() {
    let gateway = Gateway::with(QUICK, &[WIDE]).await;
    let calls = (0..6).map(|n| {
        let call = gateway.chat("m", &format!("{n}"));
        let call = call.header("openai-organization", format!("org-{}", n % 2));
        if n < 3 { call } else { call.header("openai-project", format!("proj_{n}")) }.send()
    });
    for (n, answer) in join_all(calls).await.into_iter().enumerate() {
        assert_eq!(text(&answer.unwrap().json().await.unwrap()), format!("Answer to: {n}"));
    }
    assert_eq!(lines(&gateway), [6]);
}

#[tokio::test]
async fn case_17_a_lane_is_sealed_by_its_count_alone() {
    let gateway = Gateway::with(QUICK, &[ENDLESS, ("BATCH_GPT_MAX_BATCH_REQUESTS", "5")]).await;
    ask(&gateway, questions(10)).await.iter().for_each(|told| told.is_answered());
    assert_eq!(lines(&gateway), [5, 5]);
}

#[tokio::test]
async fn case_17_a_lane_is_sealed_by_its_bytes_alone() {
    let gateway = Gateway::with(QUICK, &[ENDLESS, ("BATCH_GPT_MAX_BATCH_BYTES", "2000")]).await;
    let prompt = |n| format!("{n} {}", "x".repeat(600));
    let first = Crowd::send(&gateway, [prompt(1), prompt(2)]);
    gateway.waiting(2).await;
    let third = tokio::spawn(gateway.chat("m", &prompt(3)).send());
    first.told().await.iter().for_each(|told| told.is_answered());
    assert_eq!(lines(&gateway), [2]);
    assert!(!third.is_finished());
    third.abort();
}

#[tokio::test]
async fn case_17_a_lane_is_sealed_by_its_age_alone() {
    let gateway = Gateway::start().await;
    ask(&gateway, ["a", "b"]).await.iter().for_each(|told| told.is_answered());
    let whole: usize = lines(&gateway).iter().sum();
    assert_eq!(whole, 2);
}

#[tokio::test]
async fn case_18_the_size_of_a_file_is_counted_in_bytes() {
    const LIMIT: usize = 20_000;
    let settings = [WIDE, ("BATCH_GPT_MAX_BATCH_BYTES", "20000")];
    let gateway = Gateway::with(QUICK, &settings).await;
    // By their characters, all of them would fit into one file.
    let prompts: Vec<String> = (0..12).map(|n| format!("{n}{}", "😀".repeat(1_000))).collect();
    ask(&gateway, prompts).await.iter().for_each(|told| told.is_answered());
    assert_eq!(lines(&gateway), [4, 4, 4]);
    for batch in gateway.get_json("/v1/batches").await["data"].as_array().unwrap() {
        let file = batch["input_file_id"].as_str().unwrap();
        let call = gateway.client.get(format!("{}/files/{file}/content", gateway.simulator.base_url()));
        let content = call.bearer_auth("any").send().await.unwrap().bytes().await.unwrap();
        assert!(content.len() <= LIMIT, "{} bytes", content.len());
    }
    nothing_is_paid_twice(&gateway);
}

#[tokio::test]
async fn case_19_a_single_request_after_a_pause_is_sent() {
    let gateway = Gateway::start().await;
    ask_one(&gateway, "first").await.is_answered();
    // Several windows long.
    tokio::time::sleep(Duration::from_secs(1)).await;
    ask_one(&gateway, "second").await.is_answered();
    assert_eq!(lines(&gateway), [1, 1]);
}

#[tokio::test]
async fn case_22_lines_of_clients_that_hung_up_are_not_sent() {
    let gateway = Gateway::with(QUICK, &[("COLLATE_BATCHES_FOR_DURATION_IN_MS", "3000")]).await;
    let mut clients: Vec<_> =
        (0..40).map(|n| tokio::spawn(gateway.chat("m", &format!("{n}")).send())).collect();
    gateway.waiting(40).await;
    for leaver in clients.iter().step_by(4) {
        leaver.abort();
    }
    clients = clients.into_iter().enumerate().filter(|(n, _)| n % 4 != 0).map(|(_, client)| client).collect();
    for client in clients {
        let answer = client.await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
    }
    assert_eq!(lines(&gateway), [30]);
    assert_eq!(gateway.ledger().executed_lines, 30);
}

#[tokio::test]
async fn case_22_a_client_that_left_after_the_sealing_finds_its_line_again() {
    let gateway = Gateway::with(Duration::from_secs(3), &[]).await;
    let gone = tokio::spawn(gateway.chat("m", "twice asked").send());
    gateway.waiting(1).await;
    gateway.waiting(0).await;
    gone.abort();
    let again = || gateway.chat("m", "twice asked").header("x-stainless-retry-count", "1").send();
    // The first comes while the batch is under way, the second when its outcome is stored.
    for _ in 0..2 {
        let answer = tokio::time::timeout(PATIENCE, again()).await.unwrap().unwrap();
        assert_eq!(text(&answer.json().await.unwrap()), "Answer to: twice asked");
    }
    assert_eq!(gateway.ledger().executed_lines, 1);
}
