//! A batch cancelled while the upstream works on it.
//!
//! The simulated upstream is told to take an hour for a batch, so that the cancellation cannot come too late,
//! however slow the machine is.

use std::{
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use batch_gpt_rig::running::Running;

use crate::{
    acceptance::{batch_id, gateway_behind, log, script, temporary, upstream},
    process::{read, show},
    python::Python,
    repository::Repository,
    steps::Steps,
};

/// After so long a batch that is not listed will not be listed any more.
const LISTED_LIMIT: Duration = Duration::from_secs(120);
/// Pause between two looks at the list.
const LOOK: Duration = Duration::from_millis(500);

/// The client asks, the batch is cancelled, and the client is told.
pub fn run(steps: &mut Steps, repository: &Repository, python: &Python) {
    steps.step("the client cancels a batch in progress", || cancel(repository, python));
}

fn cancel(repository: &Repository, python: &Python) -> Result<(), String> {
    let folder = temporary()?;
    let upstream = upstream(repository, "3600000")?;
    let mut serve = gateway_behind(repository, &folder, &upstream);
    serve.env("COLLATE_BATCHES_FOR_DURATION_IN_MS", "100");
    let gateway = Running::start(&mut serve, &log(repository, "gateway-with-upstream"))?;
    let client = |api: &str| {
        let mut client = script(repository, python, "client.py", &gateway);
        client.args(["--api", api]);
        client
    };
    let mut asking = client("chat_completions")
        .args(["--content", "Will you ever answer?"])
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot start the client: {error}"))?;
    let cancelled = listed(|| read(&mut client("status_all_batches")))
        .and_then(|id| show(client("cancel_batch").args(["--batch_id", &id]), 0));
    if cancelled.is_err() {
        // It would wait for the batch.
        let _ = asking.kill();
    }
    let told = asking.wait().map_err(|error| format!("cannot wait for the client: {error}"))?;
    cancelled?;
    if told.code() != Some(1) {
        return Err(format!("the client that waited ended with {told}, expected 1"));
    }
    gateway.stop()?;
    upstream.stop()
}

/// The id of the one batch, once it is listed.
fn listed(list: impl Fn() -> Result<String, String>) -> Result<String, String> {
    let began = Instant::now();
    while began.elapsed() < LISTED_LIMIT {
        if let Some(id) = batch_id(&list()?)? {
            return Ok(id);
        }
        thread::sleep(LOOK);
    }
    Err("the batch was never listed".into())
}
