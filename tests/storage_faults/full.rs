//! A disk that is full for a while.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::Command,
    time::Duration,
};

use batch_gpt_rig::{
    client::{Client, Mode, expected, question},
    command::command,
    ledger::{Ledger, Violations},
    running::Running,
};
use reqwest::Response;
use tokio::{task::block_in_place, time::sleep};

use crate::{
    gateway::{PATIENCE, gateway, serve, upstream},
    mounted::Mounted,
};

/// They fill one batch.
const PARKED: usize = 20;
const LOOK: Duration = Duration::from_millis(50);

/// Takes all the space there is, and gives it back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn disk_without_space() {
    let Some(place) = Mounted::new("size=4m") else {
        return;
    };
    let filler = place.path().join("filler");
    let fill = |_: u32| {
        let mut file = File::create(&filler).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    };
    let free = |_: u32| fs::remove_file(&filler).unwrap();
    full_for_a_while(gateway, &place.path().join("data"), fill, free).await;
}

/// Lets no file of the gateway grow, and lets them again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn quota_that_is_used_up() {
    if Command::new("prlimit").arg("--version").output().is_err() {
        return eprintln!("skipped: there is no prlimit");
    }
    let folder = tempfile::tempdir().unwrap();
    let limit = |id: u32, bytes: &str| {
        let mut prlimit = command("prlimit");
        prlimit.args(["--pid", &id.to_string(), &format!("--fsize={bytes}:unlimited")]);
        assert!(prlimit.status().unwrap().success());
    };
    // A write beyond the limit is an error only for those who do not heed the signal.
    let deaf = |upstream: &str, data: &Path| {
        let mut shell = command("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(env!("CARGO_BIN_EXE_batch-gpt"));
        serve(shell, upstream, data)
    };
    let (fill, free) = (|id| limit(id, "4096"), |id| limit(id, "unlimited"));
    full_for_a_while(deaf, &folder.path().join("data"), fill, free).await;
}

async fn full_for_a_while(
    gateway: impl Fn(&str, &Path) -> Command,
    data: &Path,
    fill: impl Fn(u32),
    free: impl Fn(u32),
) {
    let logs = tempfile::tempdir().unwrap();
    let upstream = block_in_place(|| upstream(logs.path()));
    let mut serve = gateway(&upstream.base_url, data);
    serve
        .env("BATCH_GPT_MAX_BATCH_REQUESTS", PARKED.to_string())
        .env("COLLATE_BATCHES_FOR_DURATION_IN_MS", "3000");
    let gateway = block_in_place(|| Running::start(&mut serve, &logs.path().join("gateway.log"))).unwrap();
    let url = gateway.base_url.clone();
    let http = reqwest::Client::new();
    let ask = |content: String| {
        let call = http
            .post(format!("{url}/chat/completions"))
            .header("content-type", "application/json")
            .bearer_auth("any")
            .body(question(&content));
        async move { call.send().await.unwrap() }
    };
    let content = |response: Response| async {
        assert_eq!(response.status(), 200);
        let body: serde_json::Value = response.json().await.unwrap();
        body["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
    };
    let mut bodies: Vec<_> = (0..PARKED).map(|number| question(&format!("{number}"))).collect();
    let parked: Vec<_> = (0..PARKED).map(|number| tokio::spawn(ask(number.to_string()))).collect();
    until(async || Ledger::fetch(&upstream.base_url).await.unwrap().batches() > 0).await;
    fill(gateway.id());

    let refused = ask("refused".into()).await;
    assert_eq!(refused.status(), 503);
    let patience = refused.headers()["retry-after"].to_str().unwrap();
    assert!(patience.parse::<u64>().unwrap() > 0);
    let ready = url.replace("/v1", "/readyz");
    assert_eq!(reqwest::get(&ready).await.unwrap().status(), 503);
    let client = Client::new(&url, Duration::from_secs(1), PATIENCE).unwrap();
    let again = bodies.len();
    bodies.extend((0..10).map(|number| question(&format!("again {number}"))));
    let resending: Vec<_> = bodies[again..]
        .iter()
        .cloned()
        .map(|body| {
            let client = client.clone();
            tokio::spawn(async move { client.ask(&body, Mode::Sync).await })
        })
        .collect();
    // The batch ends upstream, and what cannot be recorded is not told.
    until(async || Ledger::fetch(&upstream.base_url).await.unwrap().unended.is_empty()).await;
    until(async || gateway.said().contains("reading its files")).await;
    sleep(Duration::from_secs(2)).await;
    assert!(parked.iter().all(|client| !client.is_finished()));
    assert_eq!(Ledger::fetch(&upstream.base_url).await.unwrap().batches(), 1);

    free(gateway.id());
    for (number, client) in parked.into_iter().enumerate() {
        let told = content(client.await.unwrap()).await;
        assert_eq!(told, expected(&number.to_string()));
    }
    for (number, client) in resending.into_iter().enumerate() {
        let answer = client.await.unwrap().unwrap();
        assert_eq!(answer.content(), Some(expected(&format!("again {number}"))));
    }
    assert_eq!(reqwest::get(&ready).await.unwrap().status(), 200);
    let ledger = Ledger::fetch(&upstream.base_url).await.unwrap();
    assert_eq!(ledger.check(bodies.iter().map(Vec::as_slice)), Violations::default());
    block_in_place(|| gateway.stop()).unwrap();
}

async fn until(mut condition: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !condition().await {
            sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}
