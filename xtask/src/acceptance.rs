//! The stock Python client against a running gateway.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use batch_gpt_rig::running::Running;

use crate::{
    process::{command, read, show},
    python::Python,
    repository::Repository,
    steps::Steps,
};

/// A gateway for tests: its own free port and its own data.
pub fn gateway(repository: &Repository, folder: &TempDir) -> Command {
    let mut gateway = command(repository.gateway());
    gateway
        .arg("serve")
        .env("BATCH_GPT_BIND_ADDRESS", "127.0.0.1:0")
        .env("BATCH_GPT_DATA_DIR", folder.path().join("data"));
    gateway
}

/// A simulated upstream of its own, whose batches take so long.
pub fn upstream(repository: &Repository, per_batch_ms: &str) -> Result<Running, String> {
    let mut simulate = command(repository.gateway());
    simulate.args(["simulate", "--bind", "127.0.0.1:0", "--per-batch-ms", per_batch_ms]);
    Running::start(&mut simulate, &log(repository, "upstream"))
}

/// A gateway for tests in front of it, which looks at batches often.
pub fn gateway_behind(repository: &Repository, folder: &TempDir, upstream: &Running) -> Command {
    let mut gateway = gateway(repository, folder);
    gateway
        .env("OPENAI_BASE_URL", &upstream.base_url)
        .env("OPENAI_API_KEY", "simulated")
        .env("BATCH_GPT_POLLING_MIN_INTERVAL_MS", "100")
        .env("COLLECT_BATCH_STATS_POLLING_MAX_INTERVAL_SECONDS", "1");
    gateway
}

/// A call of a script of the Python client.
pub fn script(repository: &Repository, python: &Python, name: &str, gateway: &Running) -> Command {
    let mut script = python.command();
    script.arg(repository.script(name)).args(["--base-url", &gateway.base_url]);
    script
}

/// A place for what a chore's programs say.
pub fn log(repository: &Repository, name: &str) -> PathBuf {
    repository.tools.join(format!("{name}.log"))
}

/// Every script, against a gateway with the simulated upstream.
pub fn run(steps: &mut Steps, repository: &Repository, python: &Python, questions: Option<&Path>) {
    let started = temporary().and_then(|folder| {
        let mut serve = gateway(repository, &folder);
        serve
            .arg("--simulate")
            .env("COLLATE_BATCHES_FOR_DURATION_IN_MS", "2000")
            // The programs count batches by a header that an answer behind a heartbeat cannot have.
            .env("BATCH_GPT_HOLD", "silent");
        Ok((Running::start(&mut serve, &log(repository, "gateway"))?, folder))
    });
    let (gateway, _folder) = match started {
        Ok(started) => started,
        Err(why) => return steps.outcome("a gateway starts", Err(why)),
    };
    let script = |name: &str| script(repository, python, name, &gateway);
    let client = |api: &str| {
        let mut client = script("client.py");
        client.args(["--api", api]);
        client
    };
    steps.step("a whole test set at once, at most two batches", || {
        let mut gsm8k = script("gsm8k.py");
        if let Some(questions) = questions {
            gsm8k.arg("--questions").arg(questions);
        }
        show(&mut gsm8k, 0)
    });
    steps.step("three models in turn, one batch each", || show(&mut script("lanes.py"), 0));
    steps.step("the client asks", || {
        let mut asked = client("chat_completions");
        let answers = read(asked.args(["--content", "Are you there?", "--repeat", "3"]))?;
        print!("{answers}");
        (answers == "Answer to: Are you there?\n".repeat(3))
            .then_some(())
            .ok_or("these are not the answers".into())
    });
    let batch = || {
        let batches = read(client("status_all_batches").args(["--status_filter", "completed"]))?;
        batch_id(&batches)?.ok_or_else(|| String::from("no batch is completed"))
    };
    steps.step("the client lists the batches", || batch().map(|id| println!("the newest is {id}")));
    steps.step("the client looks at one batch", || {
        show(client("status_single_batch").args(["--batch_id", &batch()?]), 0)
    });
    steps.step("the client is told that a completed batch cannot be cancelled", || {
        show(client("cancel_batch").args(["--batch_id", &batch()?]), 1)
    });
    steps.step("the gateway stops in order", || gateway.stop());
}

/// The id of the first of the batches that `status_all_batches` printed, if there is any.
pub fn batch_id(printed: &str) -> Result<Option<String>, String> {
    let Some(first) = printed.lines().next() else {
        return Ok(None);
    };
    let batch: serde_json::Value =
        serde_json::from_str(first).map_err(|error| format!("the client printed no batch: {error}"))?;
    Ok(batch["id"].as_str().map(str::to_owned))
}

/// A folder that goes away by itself.
pub fn temporary() -> Result<TempDir, String> {
    tempfile::tempdir().map_err(|error| format!("cannot make a temporary folder: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_batch_is_the_newest() {
        let printed = "{\"id\":\"batch_2\"}\n{\"id\":\"batch_1\"}\n";
        assert_eq!(batch_id(printed), Ok(Some("batch_2".into())));
        assert_eq!(batch_id(""), Ok(None));
        assert!(batch_id("Traceback").is_err());
    }
}
