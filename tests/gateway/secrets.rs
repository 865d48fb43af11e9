use std::time::Duration;

use crate::process::{Gateway, UPSTREAM_KEY};

#[tokio::test]
async fn neither_keys_nor_prompts_are_ever_written() {
    let keys =
        [("BATCH_GPT_API_KEYS", "canary:sk-canary-client"), ("BATCH_GPT_ADMIN_KEY", "sk-canary-admin")];
    let mut gateway = Gateway::with(Duration::from_millis(100), &keys).await;
    let call = |prompt: &str, key: &str| gateway.chat_as(key, "m", prompt).send();
    assert_eq!(call("prompt-canary", "sk-canary-client").await.unwrap().status(), 200);
    assert_eq!(call("prompt-canary [[status:400]]", "sk-canary-client").await.unwrap().status(), 400);
    let refused = call("prompt-canary", "sk-canary-wrong").await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(!refused.text().await.unwrap().contains("canary"));
    let mut shown = Vec::new();
    for (path, words) in [
        ("/debug/actors", "Collector"),
        ("/metrics", "batch_gpt_requests"),
        ("/v1/overview", "\"answered\":1"),
        ("/v1/overview/batches", "timeline"),
        ("/readyz?verbose", "upstream"),
    ] {
        let call = gateway.client.get(format!("{}{path}", gateway.root())).bearer_auth("sk-canary-admin");
        let text = call.send().await.unwrap().text().await.unwrap();
        assert!(text.contains(words), "{path}: {text}");
        shown.push((path, text));
    }
    gateway.signal("-TERM");
    assert!(gateway.ended().await.success());
    let written = gateway.written.join("\n");
    for canary in [UPSTREAM_KEY, "sk-canary", "prompt-canary", "Answer to"] {
        assert!(!written.contains(canary), "{canary} was logged");
        for (path, text) in &shown {
            assert!(!text.contains(canary), "{canary} is shown by {path}");
        }
    }
}

#[tokio::test]
async fn the_inside_is_for_administrators() {
    let keys = [("BATCH_GPT_API_KEYS", "a:sk-a"), ("BATCH_GPT_ADMIN_KEY", "sk-admin")];
    let gateway = Gateway::with(Duration::from_millis(100), &keys).await;
    for (key, status) in [("sk-a", 403), ("sk-wrong", 403), ("sk-admin", 200)] {
        let call = gateway.client.get(format!("{}/debug/actors", gateway.root())).bearer_auth(key);
        assert_eq!(call.send().await.unwrap().status(), status, "{key}");
    }
}
