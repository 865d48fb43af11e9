//! Being watched: people look at the overview and the lists while the main job runs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle, sleep},
    time::{Duration, Instant},
};

use super::{
    Bench,
    board::{Board, Goal},
    call,
    programs::{Load, Report},
    stage::Stage,
};

const SCENARIO: &str = "watched";
const FLAGS: [&str; 6] = ["--validating-ms", "0", "--per-batch-ms", "100", "--finalizing-ms", "0"];
const LIMIT: Duration = Duration::from_secs(120);
/// What is looked at, in turn: what the dashboard and the monitor read.
const PATHS: [&str; 5] = [
    "/v1/overview",
    "/v1/overview/batches?limit=100",
    "/v1/batches?limit=100",
    "/v1/requests?limit=100",
    "/metrics",
];
/// Pause between two rounds. A dashboard looks every two seconds, and there may be several.
const PAUSE: Duration = Duration::from_millis(500);

/// Measures how soon everybody who looks is answered, and what that costs the requests that come meanwhile.
pub fn run(bench: &Bench, board: &mut Board) -> Result<(), String> {
    let (open, batches) = (bench.sizes.watched, bench.sizes.listed);
    let stage = Stage::start(
        &bench.programs,
        &FLAGS,
        &[
            ("CLIENT_SERVING_MODE", "async"),
            ("BATCH_GPT_MAX_OPEN_REQUESTS", "10000000"),
            ("BATCH_GPT_MAX_BATCH_REQUESTS", "1000000"),
            ("BATCH_GPT_MAX_BATCH_BYTES", "10000000000"),
            ("BATCH_GPT_CACHE", "off"),
            // Longer than what comes after the first lanes takes.
            ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "40000"),
        ],
    )?;
    let models = batches.to_string();
    ask(bench, &stage, &["--requests", &models, "--models", &models])?.only(&[202])?;
    stage.says(": settled", batches, LIMIT)?;
    ask(bench, &stage, &["--requests", &open.to_string(), "--first", "1000000"])?.only(&[202])?;
    let seconds = (bench.sizes.accept_seconds / 2.0).to_string();
    let asked = |first: &str| {
        let report = ask(bench, &stage, &["--seconds", &seconds, "--first", first])?;
        report.only(&[202])?;
        report.rate(202)
    };
    let before = asked("2000000000")?;
    let watcher = Watcher::start(stage.address());
    let watched = asked("3000000000")?;
    let times = watcher.stop()?;
    let after = asked("4000000000")?;
    let what =
        format!("requests taken while {open} are open and {batches} batches listed, watched against not");
    board.pair(SCENARIO, &what, "requests/s", Goal::AtLeast(0.95), (before + after) / 2.0, watched);
    for (path, times) in PATHS.iter().zip(times) {
        board.single(SCENARIO, &format!("GET {path}, median"), "ms", Goal::Below(50.0), median(times));
    }
    let what = format!("CPU of the upstream, the {batches} batches included");
    board.single(SCENARIO, &what, "s", Goal::None, stage.upstream_cpu()?);
    Ok(())
}

fn ask(bench: &Bench, stage: &Stage, more: &[&str]) -> Result<Report, String> {
    let mut load = bench.programs.load(stage.address());
    load.args(["loops", "--connections", "64"]);
    if !more.contains(&"--seconds") {
        load.args(["--seconds", "60"]);
    }
    Load::start(load.args(more))?.report()
}

/// Milliseconds that each path took, each time.
type Times = [Vec<f64>; PATHS.len()];

/// Somebody who looks again and again.
struct Watcher {
    stop: Arc<AtomicBool>,
    work: JoinHandle<Result<Times, String>>,
}

impl Watcher {
    fn start(address: &str) -> Self {
        let (stop, address) = (Arc::new(AtomicBool::new(false)), address.to_owned());
        let work = thread::spawn({
            let stop = stop.clone();
            move || {
                let mut times = Times::default();
                while !stop.load(Relaxed) {
                    for (path, times) in PATHS.iter().zip(&mut times) {
                        let began = Instant::now();
                        call::get(&address, path)?;
                        times.push(began.elapsed().as_secs_f64() * 1e3);
                    }
                    sleep(PAUSE);
                }
                Ok(times)
            }
        });
        Self { stop, work }
    }

    fn stop(self) -> Result<Times, String> {
        self.stop.store(true, Relaxed);
        self.work.join().unwrap_or_else(|_| Err("whoever watched panicked".into()))
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
