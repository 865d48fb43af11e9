use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    browser::Browser,
    process::{Gateway, until},
};

/// A gateway with a bit of everything: batches that have ended well and badly, one that runs, and a lane that collects.
async fn busy() -> (Gateway, String, String) {
    let settings = [("COLLATE_BATCHES_FOR_DURATION_IN_MS", "700"), ("BATCH_GPT_MAX_ATTEMPTS", "1")];
    let gateway = Gateway::with(Duration::from_millis(500), &settings).await;
    let ask =
        |model: &str, prompt: String| gateway.chat(model, &prompt).header("prefer", "respond-async").send();
    let mut calls = Vec::new();
    for number in 0..60 {
        let mark = match number % 20 {
            7 => " [[status:400]]",
            13 => " [[status:503]]",
            _ => "",
        };
        let model = ["gpt-4o-mini", "gpt-4.1", "o4-mini"][number % 3];
        calls.push(ask(
            model,
            format!("Label review {number} as good or bad, and say why in one line.{mark}"),
        ));
    }
    calls.push(ask("unsupported-model", "Is this here?".into()));
    futures_util::future::join_all(calls).await;
    until(async || gateway.get_json("/v1/overview").await["requests"]["answered"] == 54).await;
    until(async || gateway.get_json("/v1/overview").await["batches"]["under_way"] == json!({})).await;
    gateway.adjust(json!({ "timing": { "per_batch_ms": 60_000 } })).await;
    let running =
        (0..40).map(|number| ask("gpt-4o-mini", format!("Summarise article {number} in two sentences.")));
    let first = futures_util::future::join_all(running).await.remove(0).unwrap();
    let id = first.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    let batch = async || gateway.get_json(&format!("/v1/requests/{id}")).await["batch_id"].clone();
    until(async || batch().await.is_string()).await;
    let batch = batch().await.as_str().unwrap().to_owned();
    let done = async || {
        let seen = gateway.get_json(&format!("/v1/overview/batches/{batch}")).await;
        seen["upstream_counts"]["completed"].as_u64().is_some_and(|done| done > 0)
    };
    until(done).await;
    (gateway, id, batch)
}

#[tokio::test]
async fn every_page_fits_its_screen() {
    let Some(browser) = Browser::start().await else { return };
    let (gateway, request, batch) = busy().await;
    let fresh = Gateway::start().await;
    let requests = gateway.get_json("/v1/requests?status=failed").await;
    let failed = requests["data"][0]["id"].as_str().unwrap();
    let settled =
        gateway.get_json(&format!("/v1/requests/{failed}")).await["batch_id"].as_str().unwrap().to_owned();
    let pages = [
        ("empty", fresh.root().to_owned()),
        ("overview", gateway.root().to_owned()),
        ("batches", format!("{}/ui/batches", gateway.root())),
        ("batch-running", format!("{}/ui/batches/{batch}", gateway.root())),
        ("batch-settled", format!("{}/ui/batches/{settled}", gateway.root())),
        ("requests", format!("{}/ui/requests", gateway.root())),
        ("request-waiting", format!("{}/ui/requests/{request}", gateway.root())),
        ("request-failed", format!("{}/ui/requests/{failed}", gateway.root())),
        ("actors", format!("{}/ui/actors", gateway.root())),
        ("not-found", format!("{}/ui/batches/batch_of_nobody", gateway.root())),
    ];
    for (width, height) in [(1280, 900), (390, 844)] {
        for (scheme, ground) in [("light", "rgb(246, 246, 243)"), ("dark", "rgb(17, 19, 21)")] {
            browser.screen(width, height, scheme).await;
            for (name, url) in &pages {
                browser.go(url).await;
                // What a new page is told of the scheme may come a moment after the page.
                browser.comes_to("return getComputedStyle(document.body).backgroundColor", ground).await;
                let overflow = browser.run(
                    "return document.documentElement.scrollWidth - document.documentElement.clientWidth",
                );
                assert_eq!(overflow.await, 0, "{name} is wider than {width}");
                browser.picture(&format!("{name}-{width}-{scheme}")).await;
            }
        }
    }
}
