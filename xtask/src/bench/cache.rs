//! Cache hits: requests that were answered before.

use std::time::Duration;

use super::{
    Bench,
    board::{Board, Goal},
    programs::{Load, Report},
    stage::{Stage, address},
};

const SCENARIO: &str = "cache hits";
const LIMIT: Duration = Duration::from_secs(120);
const FLAGS: [&str; 6] = ["--validating-ms", "0", "--per-batch-ms", "100", "--finalizing-ms", "0"];

/// Sends the same requests twice, and measures the second time.
pub fn run(bench: &Bench, board: &mut Board) -> Result<(), String> {
    let requests = bench.sizes.cached;
    let most = requests.to_string();
    let stage = Stage::start(
        &bench.programs,
        &FLAGS,
        &[("BATCH_GPT_CACHE", "on"), ("BATCH_GPT_MAX_BATCH_REQUESTS", most.as_str())],
    )?;
    let path = "/v1/chat/completions";
    ask(bench, stage.address(), path, requests, &["--header", "Prefer: respond-async"])?.only(&[202])?;
    stage.says(": settled", 1, LIMIT)?;
    let upstream = stage.upstream_cpu()?;
    let again = ask(bench, stage.address(), path, requests, &[])?;
    again.only(&[200])?;
    if stage.gateway.said().matches("] sealed ").count() > 1 {
        return Err("equal requests were sent upstream again".into());
    }
    let floor = bench.programs.floor()?;
    let bare = ask(bench, address(&floor), "/accept", requests, &[])?;
    board.pair(SCENARIO, "answered again", "requests/s", Goal::None, bare.rate(202)?, again.rate(200)?);
    if let (Some(bare), Some(again)) = (bare.p99(202), again.p99(200)) {
        board.pair(SCENARIO, "99th percentile", "ms", Goal::None, bare, again);
    }
    board.pair(SCENARIO, "CPU of the load generator", "cores", Goal::None, bare.cores()?, again.cores()?);
    board.single(SCENARIO, "CPU of the upstream, the first time", "s", Goal::None, upstream);
    Ok(())
}

fn ask(bench: &Bench, target: &str, path: &str, requests: usize, more: &[&str]) -> Result<Report, String> {
    let mut load = bench.programs.load(target);
    load.args(["loops", "--path", path, "--connections", "256", "--seconds", "30"]);
    Load::start(load.args(["--requests", &requests.to_string()]).args(more))?.report()
}
