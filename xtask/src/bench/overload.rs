//! Overload: twice as many clients as may wait.

use super::{
    Bench,
    board::{Board, Goal},
    programs::{Load, Report},
    stage::Stage,
    usage,
};

const SCENARIO: &str = "overload";
const FLAGS: [&str; 6] = ["--validating-ms", "0", "--per-batch-ms", "200", "--finalizing-ms", "0"];
/// A refused client comes back after this, in milliseconds: sooner than it is told to.
const IMPATIENCE: &str = "250";

/// Measures what the accepted ones keep, and how soon the others are told.
pub fn run(bench: &Bench, board: &mut Board) -> Result<(), String> {
    let (permits, text) = (bench.sizes.permits, bench.sizes.permits.to_string());
    let stage = Stage::start(
        &bench.programs,
        &FLAGS,
        &[("BATCH_GPT_MAX_OPEN_REQUESTS", text.as_str()), ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "200")],
    )?;
    let pid = stage.gateway.id();
    let usual = ask(bench, &stage, permits, 0)?;
    usual.only(&[200])?;
    let usual_peak = usage::peak(pid)?;
    usage::forget_peak(pid)?;
    let twice = ask(bench, &stage, 2 * permits, 1_000_000_000)?;
    let upstream = stage.upstream_cpu()?;
    // Everybody has an answer, or the report would have failed.
    twice.only(&[200, 429])?;
    let what = format!("answered with {permits} places, twice as many clients against as many");
    board.pair(SCENARIO, &what, "requests/s", Goal::AtLeast(0.9), usual.rate(200)?, twice.rate(200)?);
    let refused = twice.p99(429).ok_or("nobody was refused")?;
    board.single(SCENARIO, "refused, 99th percentile", "ms", Goal::Below(50.0), refused);
    board.single(SCENARIO, "refused", "requests/s", Goal::None, twice.rate(429)?);
    board.pair(SCENARIO, "CPU of the load generator", "cores", Goal::None, usual.cores()?, twice.cores()?);
    board.single(SCENARIO, "CPU of the upstream", "s", Goal::None, upstream);
    let mib = |kib: f64| kib / 1024.0;
    let peak = usage::peak(pid)?;
    board.pair(SCENARIO, "most memory", "MiB", Goal::AtMost(1.5), mib(usual_peak), mib(peak));
    Ok(())
}

fn ask(bench: &Bench, stage: &Stage, clients: usize, first: usize) -> Result<Report, String> {
    let mut load = bench.programs.load(stage.address());
    load.args(["loops", "--connections", &clients.to_string(), "--first", &first.to_string()]);
    load.args(["--seconds", &bench.sizes.overload_seconds.to_string(), "--refused-pause-ms", IMPATIENCE]);
    Load::start(&mut load)?.report()
}
