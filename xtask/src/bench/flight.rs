//! Many batches in flight: what they hold, and what looking after them costs.

use std::{thread::sleep, time::Duration};

use serde_json::Value;

use super::{
    Bench,
    board::{Board, Goal},
    call,
    programs::Load,
    stage::{Stage, address},
    usage,
};

const SCENARIO: &str = "in flight";
const LIMIT: Duration = Duration::from_secs(300);
/// A batch takes an hour.
const FLAGS: [&str; 4] = ["--validating-ms", "0", "--per-batch-ms", "3600000"];
/// Looks at a batch in an hour at the longest interval, five minutes, that is set if nothing is.
const LOOKS_AN_HOUR: f64 = 12.0;

/// Measures a look, of which the hour is a multiple.
pub fn run(bench: &Bench, board: &mut Board) -> Result<(), String> {
    let batches = bench.sizes.lanes;
    let stage = Stage::start(
        &bench.programs,
        &FLAGS,
        &[("CLIENT_SERVING_MODE", "async"), ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "500")],
    )?;
    let pid = stage.gateway.id();
    let mut load = bench.programs.load(stage.address());
    load.args(["loops", "--connections", "64", "--seconds", "60"]);
    load.args(["--requests", &batches.to_string(), "--models", &batches.to_string()]);
    Load::start(&mut load)?.report()?.only(&[202])?;
    stage.says(": created as ", batches, LIMIT)?;
    // Until all are looked at as seldom as they will be.
    sleep(Duration::from_secs(5));
    let (looks, gateway, upstream) = (looks(&stage)?, usage::cpu(pid)?, usage::cpu(stage.upstream.id())?);
    sleep(bench.sizes.flight);
    // The account of them is work of the upstream too, so its CPU is read first.
    let upstream = usage::cpu(stage.upstream.id())? - upstream;
    let gateway = usage::cpu(pid)? - gateway;
    let looks = self::looks(&stage)? - looks;
    let look = |time: Duration| time.as_secs_f64() * 1e6 / looks;
    let rate = looks / bench.sizes.flight.as_secs_f64();
    let what = format!("looks at {batches} batches, each once a second");
    board.single(SCENARIO, &what, "1/s", Goal::None, rate);
    board.pair(
        SCENARIO,
        "CPU of a look, against the upstream's",
        "µs",
        Goal::None,
        look(upstream),
        look(gateway),
    );
    let hour = look(gateway) * LOOKS_AN_HOUR / 1e3;
    board.single(SCENARIO, "CPU of a batch-hour at a look every 5 minutes", "ms", Goal::None, hour);
    let memory = (usage::memory(pid)? - stage.idle) / batches as f64;
    board.single(SCENARIO, "memory of a batch", "KiB", Goal::None, memory);
    Ok(())
}

fn looks(stage: &Stage) -> Result<f64, String> {
    let ledger = call::get(address(&stage.upstream), "/simulator/ledger")?;
    let ledger: Value = serde_json::from_slice(&ledger).map_err(|error| error.to_string())?;
    ledger["retrieves"].as_f64().ok_or_else(|| "the upstream does not count looks".into())
}
