//! Park and release: clients that wait for their answer, all in one batch.

use std::{
    fs,
    thread::sleep,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    Bench,
    board::{Board, Goal},
    call,
    log_time::LogTime,
    programs::{Load, Programs},
    stage::{Stage, address},
    usage,
};

/// From here on there are goals: fewer clients are over too soon to be measured well.
const MANY: usize = 19_000;
/// For memory that is given back in the background.
const REST: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(120);
/// A batch takes an hour, unless somebody moves the clock.
const FLAGS: [&str; 6] = ["--validating-ms", "0", "--per-batch-ms", "3600000", "--finalizing-ms", "0"];

/// What one crowd came to, on the floor or on the gateway.
struct Crowd {
    /// Requests taken in a second.
    rate: f64,
    /// KiB of each while it waits, the bodies being gone.
    parked: f64,
    /// KiB of each at the worst moment.
    peak: f64,
    /// MiB kept after the end.
    kept: f64,
    /// From the word that sets them free to the last client.
    release: Duration,
}

/// What only the gateway has beside it.
struct Beside {
    /// Reading and scanning the file of results.
    scanned: Duration,
    /// Seconds of CPU of the upstream.
    upstream: f64,
}

/// Measures every size.
pub fn run(bench: &Bench, board: &mut Board) -> Result<(), String> {
    let most = bench.sizes.crowds.iter().max().copied().unwrap_or(0);
    for &clients in &bench.sizes.crowds {
        let wait = if clients == most { bench.sizes.after } else { REST };
        let mut bare = on_floor(&bench.programs, clients)?;
        let (gateway, beside) = on_gateway(bench, clients, wait)?;
        bare.release += beside.scanned;
        enter(board, clients, &bare, &gateway);
        let what = format!("{clients} clients, CPU of the upstream");
        board.single("release", &what, "s", Goal::None, beside.upstream);
    }
    Ok(())
}

fn enter(board: &mut Board, clients: usize, bare: &Crowd, gateway: &Crowd) {
    let goal = |goal| if clients >= MANY { goal } else { Goal::None };
    let mut pair = |scenario, what: &str, unit, goal, bare, gateway| {
        board.pair(scenario, &format!("{clients} clients, {what}"), unit, goal, bare, gateway);
    };
    pair("park", "taken", "requests/s", goal(Goal::AtLeast(0.5)), bare.rate, gateway.rate);
    pair("park", "memory of each", "KiB", goal(Goal::AtMost(1.0)), bare.parked, gateway.parked);
    let worst = "memory of each at the worst moment, against the floor's while it parks";
    pair("park", worst, "KiB", goal(Goal::AtMost(1.2)), bare.parked, gateway.peak);
    pair("park", "memory kept afterwards", "MiB", Goal::None, bare.kept, gateway.kept);
    let (bare, gateway) = (bare.release.as_secs_f64() * 1e3, gateway.release.as_secs_f64() * 1e3);
    pair("release", "all answered", "ms", goal(Goal::AtMost(2.5)), bare, gateway);
}

fn crowd(programs: &Programs, target: &str, clients: usize, flags: [&str; 6]) -> Result<(Load, f64), String> {
    let mut load = programs.load(target);
    load.args(["crowd", "--clients", &clients.to_string()]).args(flags);
    let mut load = Load::start(&mut load)?;
    let parked = load.next()?;
    let seconds = parked["parked_seconds"].as_f64().ok_or_else(|| format!("no seconds: {parked}"))?;
    Ok((load, clients as f64 / seconds))
}

fn on_floor(programs: &Programs, clients: usize) -> Result<Crowd, String> {
    let floor = programs.floor()?;
    let idle = usage::memory(floor.id())?;
    let flags = ["--path", "/park", "--count-path", "/parked", "--count-member", "parked"];
    let (load, rate) = crowd(programs, address(&floor), clients, flags)?;
    sleep(REST);
    let parked = (usage::memory(floor.id())? - idle) / clients as f64;
    let began = LogTime::unix(unix_ms());
    call::post(address(&floor), "/release", "")?;
    let report = load.report()?;
    report.only(&[200])?;
    let release = LogTime::unix(report.number("last_ms")?).since(began);
    let peak = (usage::peak(floor.id())? - idle) / clients as f64;
    // What its allocator keeps it keeps for good.
    sleep(REST);
    let kept = (usage::memory(floor.id())? - idle) / 1024.0;
    Ok(Crowd { rate, parked, peak, kept, release })
}

fn on_gateway(bench: &Bench, clients: usize, wait: Duration) -> Result<(Crowd, Beside), String> {
    // Long enough for a slow machine to park them all before it ends.
    let window = (3_000 + clients).to_string();
    let stage =
        Stage::start(&bench.programs, &FLAGS, &[("COLLATE_BATCHES_FOR_DURATION_IN_MS", window.as_str())])?;
    let pid = stage.gateway.id();
    let path = "/v1/chat/completions";
    let flags = ["--path", path, "--count-path", "/debug/actors", "--count-member", "open_requests"];
    let (load, rate) = crowd(&bench.programs, stage.address(), clients, flags)?;
    stage.says(": created as ", 1, LIMIT)?;
    sleep(REST);
    let parked = (usage::memory(pid)? - stage.idle) / clients as f64;
    stage.finish_batches()?;
    let report = load.report()?;
    report.only(&[200])?;
    let upstream = stage.upstream_cpu()?;
    let completed = stage.said_at("; reading its files")?;
    let release = LogTime::unix(report.number("last_ms")?).since(completed);
    let peak = (usage::peak(pid)? - stage.idle) / clients as f64;
    sleep(wait);
    let kept = (usage::memory(pid)? - stage.idle) / 1024.0;
    let scanned = scan(bench, &stage)?;
    Ok((Crowd { rate, parked, peak, kept, release }, Beside { scanned, upstream }))
}

fn scan(bench: &Bench, stage: &Stage) -> Result<Duration, String> {
    let folder = TempDir::new_in(&bench.programs.folder).map_err(|error| error.to_string())?;
    let file = folder.path().join("results.jsonl");
    let content = call::get(address(&stage.upstream), &format!("/v1/files/{}/content", results(stage)?))?;
    fs::write(&file, content).map_err(|error| error.to_string())?;
    let seconds = bench.programs.copy(&["scan".as_ref(), file.as_os_str()])?;
    Ok(Duration::from_secs_f64(seconds))
}

/// The id of the upstream's file of results.
pub fn results(stage: &Stage) -> Result<String, String> {
    let files = call::get(address(&stage.upstream), "/v1/files?purpose=batch_output")?;
    let files: Value = serde_json::from_slice(&files).map_err(|error| error.to_string())?;
    let id = files["data"][0]["id"].as_str();
    id.map(str::to_owned).ok_or_else(|| format!("the upstream has no results: {files}"))
}

fn unix_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64() * 1e3)
}
