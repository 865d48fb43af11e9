//! The gateway and its upstream as processes.

use std::{fs, path::Path, process::Command, time::Duration};

use batch_gpt_rig::{command::command, running::Running};

/// How long a test waits for something that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An upstream whose batches take a while.
pub(crate) fn upstream(folder: &Path) -> Running {
    let mut simulate = command(env!("CARGO_BIN_EXE_batch-gpt"));
    simulate.args(["simulate", "--bind", "127.0.0.1:0", "--per-batch-ms", "2000"]);
    Running::start(&mut simulate, &folder.join("upstream.log")).unwrap()
}

/// A gateway, run by `program` (which may be a shell), on this upstream and this data folder.
pub(crate) fn serve(mut program: Command, upstream: &str, data: &Path) -> Command {
    program
        .arg("serve")
        .env("BATCH_GPT_BIND_ADDRESS", "127.0.0.1:0")
        .env("OPENAI_BASE_URL", upstream)
        .env("OPENAI_API_KEY", "simulated")
        .env("COLLATE_BATCHES_FOR_DURATION_IN_MS", "200")
        .env("BATCH_GPT_POLLING_MIN_INTERVAL_MS", "50")
        .env("COLLECT_BATCH_STATS_POLLING_MAX_INTERVAL_SECONDS", "1")
        .env("BATCH_GPT_DATA_DIR", data);
    program
}

pub(crate) fn gateway(upstream: &str, data: &Path) -> Command {
    serve(command(env!("CARGO_BIN_EXE_batch-gpt")), upstream, data)
}

/// Nobody is there, and nobody is asked.
pub(crate) const NOWHERE: &str = "http://127.0.0.1:9/v1";

/// Starts a gateway that must refuse to run, and gives its only line.
pub(crate) fn refusal(data: &Path) -> String {
    let logs = tempfile::tempdir().unwrap();
    let mut serve = gateway(NOWHERE, data);
    serve.env("RUST_LOG", "warn");
    let mut running = Running::spawn(&mut serve, &logs.path().join("gateway.log")).unwrap();
    let status = running.ends(PATIENCE).unwrap_or_else(|why| panic!("{why}: {}", running.said()));
    let said = running.said();
    assert_eq!(status.code(), Some(1), "{said}");
    let lines: Vec<_> = said.lines().collect();
    let [line] = lines[..] else { panic!("not one line: {said}") };
    line.strip_prefix("batch-gpt: ").unwrap().to_owned()
}

/// A data folder with something in it.
pub(crate) fn furnish(data: &Path) {
    let logs = tempfile::tempdir().unwrap();
    let running = Running::start(&mut gateway(NOWHERE, data), &logs.path().join("gateway.log")).unwrap();
    let body = batch_gpt_rig::client::question("kept");
    // Recorded, and never answered: its client does not wait.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(async {
        let call = reqwest::Client::new()
            .post(format!("{}/chat/completions", running.base_url))
            .header("content-type", "application/json")
            .header("prefer", "respond-async")
            .bearer_auth("any")
            .body(body);
        assert_eq!(call.send().await.unwrap().status(), 202);
    });
    running.kill().unwrap();
}

/// That what `furnish` left is still there.
pub(crate) fn furnished(data: &Path) {
    let logs = tempfile::tempdir().unwrap();
    let running = Running::start(&mut gateway(NOWHERE, data), &logs.path().join("gateway.log")).unwrap();
    let said = running.said();
    assert!(said.contains("took up what an earlier run left: "), "{said}");
    running.kill().unwrap();
}

/// The files of a folder, apart from SQLite's shared memory, which every look changes.
pub(crate) fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.to_string_lossy().ends_with("-shm"))
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}
