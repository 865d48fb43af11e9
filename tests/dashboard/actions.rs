use std::time::Duration;

use serde_json::Value;

use crate::{
    browser::{Browser, ENTER},
    process::{Gateway, until},
};

const ADMIN: &str = "sk-canary-admin";

async fn status(gateway: &Gateway, path: &str) -> Value {
    let call = gateway.client.get(format!("{}{path}", gateway.root())).bearer_auth(ADMIN);
    call.send().await.unwrap().json::<Value>().await.unwrap()["status"].clone()
}

/// The keyboard alone, and a browser that had to give the administrator's key.
#[tokio::test]
async fn a_request_and_a_batch_are_cancelled_by_keyboard() {
    let Some(browser) = Browser::start().await else { return };
    let settings =
        [("BATCH_GPT_ADMIN_KEY", ADMIN), ("CLIENT_SERVING_MODE", "async"), ("BATCH_GPT_CACHE", "off")];
    let gateway = Gateway::with(Duration::from_secs(3600), &settings).await;
    let mut ids = Vec::new();
    for prompt in ["one", "two"] {
        let accepted: Value = gateway.chat("m", prompt).send().await.unwrap().json().await.unwrap();
        ids.push(accepted["id"].as_str().unwrap().to_owned());
    }
    let running = async || status(&gateway, &format!("/v1/requests/{}", ids[0])).await == "in_batch";
    until(running).await;

    browser.go(&gateway.root().replace("://", &format!("://anybody:{ADMIN}@"))).await;
    browser.shows("2\nin batches").await;
    browser.tab_to(".find input").await;
    browser.press(&ids[0].chars().chain([ENTER]).collect::<Vec<_>>()).await;
    browser.shows("Why it waits").await;
    // It is looked at again and again meanwhile; what is open and where the keyboard is must not change by that.
    browser.tab_to(".cancel summary").await;
    browser.press(&[ENTER]).await;
    browser.tab_to(".cancel button").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    browser.press(&[ENTER]).await;
    browser.shows("cancelled").await;
    assert_eq!(status(&gateway, &format!("/v1/requests/{}", ids[0])).await, "cancelled");
    assert_eq!(browser.count(".cancel").await, 0);

    browser.tab_to(".facts a[href^='/ui/batches/']").await;
    browser.press(&[ENTER]).await;
    browser.shows("Timeline").await;
    browser.tab_to(".cancel summary").await;
    browser.press(&[ENTER]).await;
    browser.tab_to(".cancel button").await;
    browser.press(&[ENTER]).await;
    browser.shows("settled").await;
    let batch = browser.text_of("h1").await;
    assert_eq!(status(&gateway, &format!("/v1/batches/{batch}")).await, "cancelled");
    assert_eq!(browser.complaints().await, [""; 0]);
    let shown = browser.run("return document.documentElement.outerHTML").await.to_string();
    assert!(!shown.contains(ADMIN));
}
