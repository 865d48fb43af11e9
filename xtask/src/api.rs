//! The API against its own document: schemathesis asks a running gateway whatever `openapi.json` allows and forbids, and
//! sees whether the answers are those that it promises.

use batch_gpt_rig::running::Running;
use clap::Args;

use crate::{
    acceptance::{gateway, log, temporary},
    process::{build, command, quietly},
    python::{OPENAPI, Python},
    repository::Repository,
};

/// Flags of `api`.
#[derive(Debug, Args)]
pub struct ApiArgs {
    /// Cases for each operation, beside those at the edges of each value.
    #[arg(long, default_value_t = 25, value_name = "N")]
    pub examples: u32,
    /// Where chance begins.
    #[arg(long, default_value_t = 1, value_name = "S")]
    pub seed: u64,
}

impl ApiArgs {
    /// As many as every test run has time for.
    pub fn usual() -> Self {
        Self { examples: 25, seed: 1 }
    }
}

/// `cargo xtask api`. True if nothing failed.
pub fn run(args: &ApiArgs) -> Result<bool, String> {
    let repository = Repository::find()?;
    build(&repository)?;
    let python = Python::prepare(&repository, OPENAPI)?;
    examine(&repository, &python, args).map(|()| true)
}

/// Examines a gateway that does what it does by itself at once: what it refuses by design (too many requests, a stop)
/// does not come up.
pub fn examine(repository: &Repository, python: &Python, args: &ApiArgs) -> Result<(), String> {
    let folder = temporary()?;
    let mut simulate = command(repository.gateway());
    simulate.args(["simulate", "--bind", "127.0.0.1:0"]);
    simulate.args([
        "--validating-ms",
        "0",
        "--per-batch-ms",
        "0",
        "--finalizing-ms",
        "0",
        "--cancelling-ms",
        "0",
    ]);
    let upstream = Running::start(&mut simulate, &log(repository, "api-upstream"))?;
    let mut serve = gateway(repository, &folder);
    serve
        .env("OPENAI_BASE_URL", &upstream.base_url)
        .env("OPENAI_API_KEY", "simulated")
        .env("CLIENT_SERVING_MODE", "async")
        .env("COLLATE_BATCHES_FOR_DURATION_IN_MS", "1")
        .env("BATCH_GPT_POLLING_MIN_INTERVAL_MS", "10")
        .env("COLLECT_BATCH_STATS_POLLING_MAX_INTERVAL_SECONDS", "1")
        .env("BATCH_GPT_API_KEYS", "tenant:sk-tenant")
        .env("BATCH_GPT_ADMIN_KEY", "sk-admin")
        // It tries wrong keys at every operation.
        .env("BATCH_GPT_MAX_WRONG_KEYS_PER_MINUTE", "100000");
    let gateway = Running::start(&mut serve, &log(repository, "api-gateway"))?;
    let root = gateway.base_url.trim_end_matches("/v1");
    let mut examine = python.command();
    examine
        .args(["-m", "schemathesis.cli", "--no-color", "--config-file"])
        .arg(repository.script("schemathesis.toml"))
        .args(["run", &format!("{root}/openapi.json"), "--url", root])
        .args(["--max-examples", &args.examples.to_string(), "--seed", &args.seed.to_string()])
        // What it leaves behind belongs to the tools.
        .current_dir(&repository.tools);
    println!("{}", quietly(&mut examine)?.trim_matches('='));
    let said = gateway.said();
    gateway.stop()?;
    upstream.stop()?;
    match said.lines().find(|line| line.contains("panicked")) {
        Some(line) => Err(format!("a handler panicked: {line}")),
        None => Ok(()),
    }
}
