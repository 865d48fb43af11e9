use std::time::Duration;

use serde_json::Value;

use crate::{
    browser::Browser,
    process::{Gateway, until},
};

async fn later(gateway: &Gateway, prompt: &str) -> String {
    let call = gateway.chat("gpt-4o-mini", prompt).header("prefer", "respond-async");
    let accepted: Value = call.send().await.unwrap().json().await.unwrap();
    accepted["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn counts_move_as_a_batch_runs_and_its_timeline_completes() {
    let Some(browser) = Browser::start().await else { return };
    // A batch of three goes as soon as there are three.
    let window = [("COLLATE_BATCHES_FOR_DURATION_IN_MS", "3600000"), ("BATCH_GPT_MAX_BATCH_REQUESTS", "3")];
    let gateway = Gateway::with(Duration::from_millis(300), &window).await;
    browser.go(gateway.root()).await;
    browser.shows("Nothing has been asked yet").await;
    browser.shows(&format!("base_url=\"{}\"", gateway.url)).await;
    // It would be gone if the page were loaded again.
    browser.run("window.witness = true").await;

    let mut ids = vec![later(&gateway, "one").await, later(&gateway, "two").await];
    browser.shows("2\nqueued").await;
    assert_eq!(browser.run("return document.title").await, "2 under way · batch-gpt");
    ids.push(later(&gateway, "no [[status:400]]").await);
    for id in &ids {
        gateway.end_of(id).await;
    }
    browser.shows("2\nanswered").await;
    browser.shows("1\nfailed").await;
    browser.shows("completed").await;
    let saved = browser.text_of(".saved .amount").await;
    assert!(saved.starts_with("$0.0000") && saved != "$0.00", "{saved}");
    assert_eq!(browser.run("return window.witness").await, true, "it was loaded again");

    until(async || gateway.get_json("/v1/overview").await["batches"]["settled"]["completed"] == 1).await;
    browser.click("table.batches td a").await;
    browser.shows("settled").await;
    let timeline = browser.text_of(".timeline").await;
    for step in ["sealed", "uploaded", "created", "in progress", "finalizing", "ended", "settled"] {
        assert!(timeline.contains(step), "{step} is not in {timeline}");
    }
    let text = browser.text().await;
    for words in ["2 completed", "1 failed", "0 remaining", "100 %", "invalid_value", "gpt-4o-mini"] {
        assert!(text.contains(words), "{words} is not in {text}");
    }
    assert_eq!(browser.count("main table a[href^='/ui/requests/req_']").await, 3);
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_lost_gateway_leaves_the_last_picture_and_a_paused_page_stays_as_it_is() {
    let Some(browser) = Browser::start().await else { return };
    let mut gateway = Gateway::with(Duration::from_secs(3600), &[]).await;
    browser.go(gateway.root()).await;
    browser.click("#live").await;
    browser.shows("Paused").await;
    let id = later(&gateway, "one").await;
    assert!(browser.text().await.contains("Nothing has been asked yet"));
    browser.click("#live").await;
    browser.shows("Live").await;
    browser.shows("1\nin batches").await;

    browser.go(&format!("{}/ui/requests/{id}", gateway.root())).await;
    browser.shows("Why it waits").await;
    browser.shows("in progress upstream").await;
    gateway.signal("-KILL");
    gateway.ended().await;
    browser.shows("the gateway cannot be reached").await;
    assert!(browser.text().await.contains("in progress upstream"));
}

#[tokio::test]
async fn pages_are_whole_without_scripts() {
    let Some(browser) = Browser::start().await else { return };
    let gateway = Gateway::start().await;
    let answered = gateway.chat("gpt-4o-mini", "one").send().await.unwrap();
    let id = answered.headers()["x-batch-gpt-request-id"].to_str().unwrap().to_owned();
    let page = gateway.get("/").await.text().await.unwrap();
    assert!(page.contains(r#"<noscript><meta http-equiv="refresh""#), "{page}");
    browser.scripts(false).await;
    browser.go(gateway.root()).await;
    browser.scripts(true).await;
    browser.shows("1\nanswered").await;
    assert_eq!(browser.count("#live[hidden]").await, 1, "a switch for what does not run");
    browser.go(&format!("{}/ui/find?id={id}", gateway.root())).await;
    browser.shows("Answer to: one").await;
}
