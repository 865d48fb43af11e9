use crate::process::{Gateway, PATIENCE, command};

async fn refused(settings: &[(&str, &str)]) -> String {
    let mut child = command();
    child.arg("serve").envs(settings.iter().copied());
    let output = tokio::time::timeout(PATIENCE, child.output()).await.unwrap().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn bad_settings_stop_the_start_and_are_all_named() {
    let said = refused(&[
        ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "-5"),
        ("BATCH_GPT_MAX_BATCH_REQUESTS", "many"),
        ("BATCH_GPT_BIND_ADDRESS", "0.0.0.0:0"),
    ])
    .await;
    for name in [
        "COLLATE_BATCHES_FOR_DURATION_IN_MS=-5",
        "BATCH_GPT_MAX_BATCH_REQUESTS=many",
        "BATCH_GPT_BIND_ADDRESS=0.0.0.0:0",
        "OPENAI_API_KEY",
    ] {
        assert_eq!(said.lines().filter(|line| line.contains(name)).count(), 1, "{name} in:\n{said}");
    }
}

#[tokio::test]
async fn a_taken_address_is_said_in_one_line() {
    let gateway = Gateway::start().await;
    let address = gateway.root().strip_prefix("http://").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let said = refused(&[
        ("OPENAI_API_KEY", "k"),
        ("BATCH_GPT_BIND_ADDRESS", address),
        ("BATCH_GPT_DATA_DIR", data.to_str().unwrap()),
    ])
    .await;
    assert!(
        said.lines().any(|line| line.starts_with(&format!("batch-gpt: cannot listen on {address}"))),
        "{said}"
    );
}

#[tokio::test]
async fn health_is_told_to_those_who_ask() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.get("/livez").await.status(), 200);
    let ready = gateway.get("/readyz?verbose").await;
    assert_eq!(ready.status(), 200);
    let text = ready.text().await.unwrap();
    assert!(text.contains("[+]store ok") && text.contains("[+]journal ok"), "{text}");
    let address = gateway.root().strip_prefix("http://").unwrap();
    let healthy = command().args(["healthcheck", "--bind-address", address]).status().await.unwrap();
    assert!(healthy.success());
    let nobody = command().args(["healthcheck", "--bind-address", "127.0.0.1:9"]).status().await.unwrap();
    assert!(!nobody.success());
}
