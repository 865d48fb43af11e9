//! Requests that nobody waits for, from the first to the settling of the last, and what that costs.

use std::time::Duration;

use super::{
    Bench,
    board::{Board, Goal},
    programs::Load,
    stage::Stage,
    usage,
};

const LIMIT: Duration = Duration::from_secs(900);
const FLAGS: [&str; 6] = ["--validating-ms", "0", "--per-batch-ms", "200", "--finalizing-ms", "0"];

/// What is asked.
struct Volume {
    requests: usize,
    models: usize,
    /// Requests of a batch, at most.
    most: usize,
    window_ms: usize,
}

/// What it cost, in CPU.
struct Cost {
    gateway: Duration,
    upstream: Duration,
}

/// Whether a request costs the same among many as among few.
pub fn flat(bench: &Bench, board: &mut Board) -> Result<(), String> {
    const SCENARIO: &str = "cost flat";
    let many = bench.sizes.flat;
    let most = many / 20;
    let few = many / 100;
    let small = cost(bench, &Volume { requests: few, models: 1, most, window_ms: 3_000 }, 1)?;
    let large = cost(bench, &Volume { requests: many, models: 1, most, window_ms: 60_000 }, 20)?;
    let each = |cost: Duration, requests: usize| cost.as_secs_f64() * 1e6 / requests as f64;
    let what = format!("CPU of a request, {many} in 20 batches against {few} in one");
    let (of_few, of_many) = (each(small.gateway, few), each(large.gateway, many));
    board.pair(SCENARIO, &what, "µs", Goal::AtMost(1.2), of_few, of_many);
    let what = "CPU of a request in the upstream";
    let (of_few, of_many) = (each(small.upstream, few), each(large.upstream, many));
    board.pair(SCENARIO, what, "µs", Goal::None, of_few, of_many);
    Ok(())
}

/// What many lanes cost over one.
pub fn lanes(bench: &Bench, board: &mut Board) -> Result<(), String> {
    const SCENARIO: &str = "many lanes";
    let lanes = bench.sizes.lanes;
    let volume = |models| Volume { requests: lanes, models, most: 50_000, window_ms: 2_000 };
    let one = cost(bench, &volume(1), 1)?;
    let many = cost(bench, &volume(lanes), lanes)?;
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let what = format!("CPU of {lanes} lanes with a request each against one lane with {lanes}");
    board.pair(SCENARIO, &what, "ms", Goal::AtMost(2.0), ms(one.gateway), ms(many.gateway));
    board.pair(SCENARIO, "CPU of the upstream", "ms", Goal::None, ms(one.upstream), ms(many.upstream));
    let each = ms(many.gateway - one.gateway.min(many.gateway)) * 1e3 / lanes as f64;
    board.single(SCENARIO, "CPU of a batch more", "µs", Goal::None, each);
    Ok(())
}

fn cost(bench: &Bench, volume: &Volume, batches: usize) -> Result<Cost, String> {
    let (window, most) = (volume.window_ms.to_string(), volume.most.to_string());
    let variables = [
        ("CLIENT_SERVING_MODE", "async"),
        ("BATCH_GPT_MAX_OPEN_REQUESTS", "10000000"),
        ("COLLATE_BATCHES_FOR_DURATION_IN_MS", window.as_str()),
        ("BATCH_GPT_MAX_BATCH_REQUESTS", most.as_str()),
    ];
    let stage = Stage::start(&bench.programs, &FLAGS, &variables)?;
    let (gateway, upstream) = (usage::cpu(stage.gateway.id())?, usage::cpu(stage.upstream.id())?);
    let mut load = bench.programs.load(stage.address());
    load.args(["loops", "--connections", "64", "--seconds", "900"]);
    load.args(["--requests", &volume.requests.to_string(), "--models", &volume.models.to_string()]);
    Load::start(&mut load)?.report()?.only(&[202])?;
    stage.says(": settled", batches, LIMIT)?;
    Ok(Cost {
        gateway: usage::cpu(stage.gateway.id())? - gateway,
        upstream: usage::cpu(stage.upstream.id())? - upstream,
    })
}
