//! Keys that are made and revoked while the gateway runs.

use std::{path::Path, process::Output, time::Duration};

use serde_json::Value;

use crate::process::{Gateway, command, until};

/// Runs `batch-gpt keys` on a file.
async fn keys(file: &Path, arguments: &[&str]) -> Output {
    let mut keys = command();
    keys.arg("keys").args(arguments).env("BATCH_GPT_KEYS_FILE", file).stdout(std::process::Stdio::piped());
    keys.output().await.unwrap()
}

async fn done(file: &Path, arguments: &[&str]) -> String {
    let output = keys(file, arguments).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

async fn status(gateway: &Gateway, key: &str) -> u16 {
    let call = gateway.client.get(format!("{}/requests", gateway.url)).bearer_auth(key);
    call.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn keys_open_from_their_making_to_their_end_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let settings = [
        ("BATCH_GPT_KEYS_FILE", file.to_str().unwrap()),
        ("BATCH_GPT_API_KEYS", "fixed:sk-fixed"),
        // Whoever looks all the time whether a key is in force yet presents many wrong ones.
        ("BATCH_GPT_MAX_WRONG_KEYS_PER_MINUTE", "100000"),
    ];
    let mut gateway = Gateway::with(Duration::from_millis(100), &settings).await;
    assert_eq!(status(&gateway, "sk-fixed").await, 200);
    let first = done(&file, &["create", "evals"]).await;
    assert!(first.starts_with("bgpt_") && first.len() == 69, "{first}");
    until(async || status(&gateway, &first).await == 200).await;

    let answer = gateway.chat_as(&first, "m", "whose?").header("prefer", "respond-async").send().await;
    let id = answer.unwrap().json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    let seen = async |key: &str| {
        let call = gateway.client.get(format!("{}/requests/{id}", gateway.url)).bearer_auth(key);
        call.send().await.unwrap().status().as_u16()
    };
    assert_eq!((seen(&first).await, seen("sk-fixed").await), (200, 404));

    let made: Value =
        serde_json::from_str(&done(&file, &["create", "evals", "--output", "json"]).await).unwrap();
    let second = made["key"].as_str().unwrap().to_owned();
    until(async || status(&gateway, &second).await == 200).await;
    assert_eq!(seen(&second).await, 200, "a tenant may have several keys");

    done(&file, &["revoke", made["id"].as_str().unwrap()]).await;
    until(async || status(&gateway, &second).await == 401).await;
    assert_eq!(status(&gateway, &first).await, 200);
    done(&file, &["revoke", "evals"]).await;
    until(async || status(&gateway, &first).await == 401).await;
    assert_eq!(status(&gateway, "sk-fixed").await, 200);

    let brief = done(&file, &["create", "brief", "--expires", "3s"]).await;
    until(async || status(&gateway, &brief).await == 200).await;
    until(async || status(&gateway, &brief).await == 401).await;

    let list = done(&file, &["list"]).await;
    let states: Vec<_> = list.lines().map(|line| line.split_whitespace().nth(2).unwrap()).collect();
    assert_eq!(states, ["STATE", "revoked", "revoked", "expired"], "{list}");
    let list: Value = serde_json::from_str(&done(&file, &["list", "--output", "json"]).await).unwrap();
    assert_eq!((&list[2]["tenant"], &list[2]["status"]), (&"brief".into(), &"expired".into()));

    gateway.signal("-TERM");
    assert!(gateway.ended().await.success());
    let kept = std::fs::read_to_string(&file).unwrap() + &gateway.written.join("\n");
    for key in [&first, &second, &brief] {
        assert!(!kept.contains(key.strip_prefix("bgpt_").unwrap()), "a key is kept or logged");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    for (arguments, code) in [
        (&["create", "a b"][..], 2),
        (&["create", ""], 2),
        (&["create", "a", "--expires", "yesterday"], 2),
        (&["revoke", "nobody"], 1),
    ] {
        let output = keys(&file, arguments).await;
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert_eq!(done(&file, &["list", "--output", "json"]).await, "[]");
    std::fs::write(&file, "no JSON").unwrap();
    assert_eq!(keys(&file, &["create", "a"]).await.status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "no JSON");
}
