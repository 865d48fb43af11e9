//! The largest batch there is: 50,000 lines, 200 MB, and nobody who waits.

use std::time::Duration;

use super::{
    Bench,
    board::{Board, Goal},
    call,
    park::results,
    programs::Load,
    stage::{Stage, address},
    usage,
};

const SCENARIO: &str = "full batch";
const LIMIT: Duration = Duration::from_secs(300);
/// Bytes of a body that make a line of 4,000 with what stands around it, or a little less.
const BODY: usize = 3_850;
const FLAGS: [&str; 6] = ["--validating-ms", "0", "--per-batch-ms", "1000", "--finalizing-ms", "0"];

/// Measures memory from its sealing to its settling, and both ways of its bytes.
pub fn run(bench: &Bench, board: &mut Board) -> Result<(), String> {
    let lines = bench.sizes.full_batch;
    let (window, most) = ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "BATCH_GPT_MAX_BATCH_REQUESTS");
    let lines_text = lines.to_string();
    let variables = [("CLIENT_SERVING_MODE", "async"), (window, "3600000"), (most, lines_text.as_str())];
    let stage = Stage::start(&bench.programs, &FLAGS, &variables)?;
    let pid = stage.gateway.id();
    ask(bench, &stage, 0, lines - 1)?;
    let open = usage::memory(pid)?;
    usage::forget_peak(pid)?;
    let before = usage::cpu(stage.upstream.id())?;
    // The last one seals the batch.
    ask(bench, &stage, lines - 1, 1)?;
    stage.says(": settled", 1, LIMIT)?;
    let upstream = usage::cpu(stage.upstream.id())? - before;
    let mib = |kib: f64| kib / 1024.0;
    board.single(
        SCENARIO,
        "most memory from sealing to settling, above idle",
        "MiB",
        Goal::Below(64.0),
        mib(usage::peak(pid)? - stage.idle),
    );
    board.single(SCENARIO, "memory just before, above idle", "MiB", Goal::None, mib(open - stage.idle));
    board.single(SCENARIO, "CPU of the upstream", "s", Goal::None, upstream.as_secs_f64());
    copies(bench, board, &stage)
}

fn ask(bench: &Bench, stage: &Stage, first: usize, count: usize) -> Result<(), String> {
    let mut load = bench.programs.load(stage.address());
    load.args(["loops", "--connections", "32", "--seconds", "300", "--body-bytes", &BODY.to_string()]);
    load.args(["--first", &first.to_string(), "--requests", &count.to_string()]);
    Load::start(&mut load)?.report()?.only(&[202])
}

fn copies(bench: &Bench, board: &mut Board, stage: &Stage) -> Result<(), String> {
    let floor = bench.programs.floor()?;
    let sealed = stage.said_at("] sealed ")?;
    let uploaded = stage.said_at(": uploaded ")?;
    let reading = stage.said_at("; reading its files")?;
    let settled = stage.said_at(": settled")?;
    let (up, down) = (bytes_up(&stage.gateway.said())?, bytes_down(stage)?);
    let rate = |bytes: u64, seconds: f64| bytes as f64 / 1e6 / seconds;
    let base = format!("http://{}", address(&floor));
    let plain_up = bench.programs.copy(&["upload", &format!("{base}/sink"), &up.to_string()])?;
    let plain_down = bench.programs.copy(&["download", &format!("{base}/source/{down}")])?;
    let goal = Goal::AtLeast(0.6);
    let took = uploaded.since(sealed).as_secs_f64();
    board.pair(SCENARIO, "upload, sealing included", "MB/s", goal, rate(up, plain_up), rate(up, took));
    let took = settled.since(reading).as_secs_f64();
    board.pair(
        SCENARIO,
        "download, storing included",
        "MB/s",
        goal,
        rate(down, plain_down),
        rate(down, took),
    );
    Ok(())
}

/// What the gateway says that it has uploaded.
fn bytes_up(log: &str) -> Result<u64, String> {
    let words = log.split_once(": uploaded ").map(|(_, rest)| rest);
    let bytes = words.and_then(|words| words.split_whitespace().next()?.parse().ok());
    bytes.ok_or_else(|| "the gateway does not say how much it has uploaded".into())
}

fn bytes_down(stage: &Stage) -> Result<u64, String> {
    let file = call::get(address(&stage.upstream), &format!("/v1/files/{}", results(stage)?))?;
    let file: serde_json::Value = serde_json::from_slice(&file).map_err(|error| error.to_string())?;
    file["bytes"].as_u64().ok_or_else(|| format!("a file without a size: {file}"))
}
