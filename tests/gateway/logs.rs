use std::time::Duration;

use serde_json::Value;

use crate::process::Gateway;

#[tokio::test]
async fn the_start_says_version_upstream_mode_journal_address_and_how_to_try_it() {
    let mut gateway = Gateway::start().await;
    let line = gateway.says(" serves ").await;
    for words in [env!("CARGO_PKG_VERSION"), &gateway.url, "mode sync", "journal in SQLite in "] {
        assert!(line.contains(words), "{words} in {line}");
    }
    let page = gateway.says("see it: ").await;
    assert!(page.ends_with(&format!("{}/", gateway.root())), "{page}");
    let snippet = gateway.says("try it: ").await;
    assert!(snippet.contains(&format!("OpenAI(base_url=\"{}\"", gateway.url)), "{snippet}");
}

#[tokio::test]
async fn a_log_for_programs_is_an_object_a_line() {
    let mut gateway = Gateway::with(Duration::from_millis(100), &[("BATCH_GPT_LOG_FORMAT", "json")]).await;
    assert_eq!(gateway.chat("m", "hello").send().await.unwrap().status(), 200);
    gateway.signal("-TERM");
    assert!(gateway.ended().await.success());
    let mut access = Vec::new();
    for line in &gateway.written {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for member in ["time", "level", "target", "message"] {
            assert!(object[member].is_string(), "{member} in {line}");
        }
        if object["target"] == "access" {
            access.push(object["message"].as_str().unwrap().to_owned());
        }
    }
    assert!(access.iter().any(|line| line.contains(" POST /v1/chat/completions 200 ")), "{access:?}");
}
