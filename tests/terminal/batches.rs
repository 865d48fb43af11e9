use std::{process::Stdio, time::Duration};

use serde_json::Value;

use crate::{
    client::{ask, nowhere, run},
    process::{Gateway, command, until},
};

/// A gateway with so many completed batches.
async fn with_batches(count: usize) -> Gateway {
    let gateway = Gateway::with(Duration::from_millis(50), &[("BATCH_GPT_MAX_BATCH_REQUESTS", "1")]).await;
    let calls = (0..count).map(|n| gateway.chat("m", &format!("prompt-canary-{n}")).send());
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.unwrap().status(), 200);
    }
    let settled = async || {
        let list =
            ask(&gateway, &["batches", "list", "--limit", "0", "--status", "completed", "--output", "jsonl"]);
        list.await.out.lines().count() == count
    };
    until(settled).await;
    gateway
}

/// A gateway with one batch that runs on, and its id.
async fn with_running_batch() -> (Gateway, String) {
    let gateway = Gateway::with(Duration::from_secs(3_600), &[("CLIENT_SERVING_MODE", "async")]).await;
    gateway.chat("m", "prompt-canary").send().await.unwrap();
    let running = async || gateway.get_json("/v1/batches").await["data"][0]["status"] == "in_progress";
    until(running).await;
    let id = gateway.get_json("/v1/batches").await["data"][0]["id"].as_str().unwrap().to_owned();
    (gateway, id)
}

#[tokio::test]
async fn a_list_is_the_same_batches_in_every_form() {
    let gateway = with_batches(3).await;
    let page = gateway.get("/v1/batches").await.text().await.unwrap();
    let ids: Vec<String> = serde_json::from_str::<Value>(&page).unwrap()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|batch| batch["id"].as_str().unwrap().to_owned())
        .collect();

    let table = ask(&gateway, &["batches", "list"]).await;
    assert_eq!((table.code, table.err.as_str()), (0, ""), "{table:?}");
    assert!(table.out.starts_with("ID "), "{}", table.out);
    let heading: Vec<&str> = table.out.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(heading, ["ID", "STATUS", "MODEL", "DONE", "FAILED", "TOTAL", "AGE", "TOOK"]);
    for (row, id) in table.rows().iter().zip(&ids) {
        assert_eq!((row[0], row[1]), (id.as_str(), "completed"));
        assert_eq!(row[3..6], ["1", "0", "1"]);
    }
    assert_eq!(table.rows().len(), 3);
    assert!(!table.out.contains('\u{1b}'), "a file is not a terminal");

    let lines = ask(&gateway, &["batches", "list", "--output", "jsonl"]).await.out;
    assert!(
        page.contains(&lines.trim_end().replace('\n', ",")),
        "the objects are the gateway's, byte for byte"
    );
    assert_eq!(lines.lines().count(), 3);

    let array = ask(&gateway, &["batches", "list", "--output", "json"]).await.out;
    assert_eq!(array, format!("[\n{}\n]\n", lines.trim_end().replace('\n', ",\n")));
}

#[tokio::test]
async fn a_list_goes_on_over_as_many_pages_as_it_takes() {
    let gateway = with_batches(105).await;
    let all = ask(&gateway, &["batches", "list", "--limit", "0", "--output", "jsonl"]).await;
    let ids: Vec<Value> =
        all.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone()).collect();
    let different: std::collections::HashSet<_> = ids.iter().map(Value::to_string).collect();
    assert_eq!((ids.len(), different.len(), all.err.as_str()), (105, 105, ""));

    let some = ask(&gateway, &["batches", "list", "--limit", "101", "--output", "jsonl"]).await;
    assert_eq!(some.out.lines().collect::<Vec<_>>(), all.out.lines().take(101).collect::<Vec<_>>());
    assert_eq!(some.err, "there are more; --limit 0 lists all\n");
    assert_eq!(ask(&gateway, &["batches", "list"]).await.rows().len(), 20);

    let none = ask(&gateway, &["batches", "list", "--status", "failed,active"]).await;
    assert_eq!((none.code, none.out.as_str(), none.err.as_str()), (0, "", "no such batches\n"));
    let none = ask(&gateway, &["batches", "list", "--status", "failed", "--output", "json"]).await;
    assert_eq!(none.out, "[]\n");

    let once = ask(&gateway, &["monitor", "--once"]).await;
    assert!(once.out.contains("batches: active 0, completed 105, failed 0,"), "{}", once.out);
}

#[tokio::test]
async fn one_batch_is_shown_for_people_and_for_scripts() {
    let (gateway, id) = with_running_batch().await;
    let sheet = ask(&gateway, &["batches", "show", &id]).await;
    assert_eq!((sheet.code, sheet.err.as_str()), (0, ""));
    for words in [
        id.as_str(),
        "in progress, expires in ",
        "(window 24h)",
        "model          m",
        "0 failed",
        "so far",
        "input",
    ] {
        assert!(sheet.out.contains(words), "{words:?} is not in\n{}", sheet.out);
    }
    let upstream = gateway.client.get(format!("{}/batches/{id}", gateway.simulator.base_url()));
    let upstream = upstream.bearer_auth("any").send().await.unwrap().text().await.unwrap();
    for form in ["json", "jsonl"] {
        let shown = ask(&gateway, &["batches", "show", &id, "--output", form]).await;
        assert_eq!(shown.out, format!("{upstream}\n"));
    }
    assert!(!sheet.out.contains("prompt-canary") && !sheet.out.contains('\u{1b}'), "{}", sheet.out);
}

#[tokio::test]
async fn a_batch_is_cancelled_once_and_an_ended_one_is_not() {
    let (gateway, id) = with_running_batch().await;
    let listed = ask(&gateway, &["batches", "list", "--status", "active"]).await;
    assert_eq!(listed.rows()[0][..3], [id.as_str(), "in progress", "m"]);
    let cancelled = ask(&gateway, &["batches", "cancel", &id, "--output", "jsonl"]).await;
    assert_eq!((cancelled.code, cancelled.err), (0, format!("{id} is cancelling\n")));
    assert_eq!(serde_json::from_str::<Value>(&cancelled.out).unwrap()["status"], "cancelling");

    let gateway = with_batches(1).await;
    let list = ask(&gateway, &["batches", "list"]).await;
    let refused = ask(&gateway, &["batches", "cancel", list.rows()[0][0]]).await;
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(
        refused.err.contains("says no (409): Cannot cancel a batch with status 'completed'."),
        "{}",
        refused.err
    );
    let unknown = ask(&gateway, &["batches", "show", "batch_../x"]).await;
    assert_eq!((unknown.code, unknown.out.as_str()), (1, ""));
    assert!(unknown.err.contains("(404)"), "{}", unknown.err);
}

#[tokio::test]
async fn the_key_is_presented_and_never_shown() {
    let keys = [("BATCH_GPT_API_KEYS", "evals:sk-canary-evals,labels:sk-canary-labels")];
    let gateway = Gateway::with(Duration::from_millis(50), &keys).await;
    assert_eq!(gateway.chat_as("sk-canary-evals", "m", "prompt-canary").send().await.unwrap().status(), 200);
    let list = async |key: &str| {
        let arguments = ["batches", "list", "--output", "jsonl", "--url", &gateway.url];
        // The upstream's key is nobody's key here.
        let variables =
            [("BATCH_GPT_CLIENT_KEY", key), ("OPENAI_API_KEY", "sk-canary-upstream"), ("RUST_LOG", "trace")];
        run(&arguments, &variables).await
    };
    let (own, others, wrong, none) = (
        list("sk-canary-evals").await,
        list("sk-canary-labels").await,
        list("sk-canary-no").await,
        list("").await,
    );
    assert_eq!((own.code, own.out.lines().count()), (0, 1));
    assert_eq!((others.code, others.out.lines().count()), (0, 0));
    assert_eq!((wrong.code, none.code), (1, 1));
    assert!(wrong.err.contains("says no (401): Incorrect API key provided."), "{}", wrong.err);
    for ran in [&own, &others, &wrong, &none] {
        assert!(!format!("{ran:?}").contains("canary"), "{ran:?}");
    }
    let help = run(&["batches", "list", "--help"], &[("BATCH_GPT_CLIENT_KEY", "sk-canary")]).await;
    assert!(help.out.contains("Exit codes:") && !help.out.contains("canary"));
}

#[tokio::test]
async fn exit_codes_tell_what_is_wrong() {
    let nowhere = nowhere();
    for arguments in [
        ["batches", "list"].as_slice(),
        &["batches", "show", "b"],
        &["batches", "cancel", "b"],
        &["monitor", "--once"],
    ] {
        let ran = run(arguments, &[("BATCH_GPT_URL", &nowhere)]).await;
        assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{ran:?}");
        assert!(ran.err.starts_with(&format!("batch-gpt: cannot reach {nowhere}: ")), "{}", ran.err);
    }
    for arguments in [
        ["batches", "list", "--url", "ftp://x"].as_slice(),
        &["batches", "list", "--url", "http://me:sk-canary@x"],
        &["batches", "list", "--output", "yaml"],
        &["batches", "list", "--status", "asleep"],
        &["batches", "show"],
        &["monitor", "--once", "--url", "ftp://x"],
        &["monitor", "--interval", "0"],
        // This is no terminal.
        &["monitor"],
    ] {
        let ran = run(arguments, &[]).await;
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}: {ran:?}");
        assert!(!ran.err.contains("canary"), "{}", ran.err);
    }
}

#[tokio::test]
async fn a_reader_that_leaves_is_no_error() {
    let gateway = with_batches(1).await;
    for arguments in [["batches", "list"].as_slice(), &["monitor", "--once"]] {
        let mut child = command()
            .args(arguments)
            .env("BATCH_GPT_URL", &gateway.url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().await.unwrap();
        assert_eq!(
            (output.status.code(), output.stderr.as_slice()),
            (Some(0), b"".as_slice()),
            "{arguments:?}"
        );
    }
}
