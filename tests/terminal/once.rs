use std::time::Duration;

use crate::{
    client::ask,
    process::{Gateway, until},
};

#[tokio::test]
async fn the_state_is_printed_once_as_plain_text() {
    let gateway = Gateway::with(Duration::from_secs(3_600), &[("CLIENT_SERVING_MODE", "async")]).await;
    let empty = ask(&gateway, &["monitor", "--once"]).await;
    assert_eq!((empty.code, empty.err.as_str()), (0, ""));
    let mut lines = empty.out.lines();
    assert!(lines.next().unwrap().starts_with(&format!("{} at 20", gateway.root())), "{}", empty.out);
    assert_eq!(lines.next(), Some("batches: active 0, completed 0, failed 0, expired 0, cancelled 0, all 0"));

    gateway.chat("m", "prompt-canary").send().await.unwrap();
    let running = async || gateway.get_json("/v1/batches").await["data"][0]["status"] == "in_progress";
    until(running).await;
    let one = ask(&gateway, &["monitor", "--once"]).await.out;
    assert!(one.contains("batches: active 1, completed 0"), "{one}");
    assert!(one.contains("requests under way: 0 completed, 0 failed of 1\n"), "{one}");
    let row = one.lines().find(|line| line.starts_with("batch_")).unwrap();
    let cells: Vec<&str> = row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    assert_eq!(cells[1..6], ["in progress", "m", "0", "0", "1"], "{one}");
    assert!(one.contains("requests: open 0   waiting 0   in batch 1   answered 0   failed 0"), "{one}");
    assert!(!one.contains('\u{1b}') && !one.contains("canary"), "{one}");
}
