//! Accept: how many requests a second become durable and are told so.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;

use super::{
    Bench,
    board::{Board, Goal},
    programs::{Load, Report},
    stage::{Stage, address},
    usage,
};
use crate::database::Database;

const SCENARIO: &str = "accept";
/// Connections at a time.
const CONNECTIONS: &str = "256";
/// How long a gateway may take until it knows what its store has.
const KNOWN_WITHIN: Duration = Duration::from_secs(60);
/// Nothing is sent upstream meanwhile: windows and batches are larger than any run.
const COLLATING: [(&str, &str); 5] = [
    ("CLIENT_SERVING_MODE", "async"),
    ("BATCH_GPT_MAX_OPEN_REQUESTS", "10000000"),
    ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "3600000"),
    ("BATCH_GPT_MAX_BATCH_REQUESTS", "1000000"),
    ("BATCH_GPT_MAX_BATCH_BYTES", "10000000000"),
];

/// Measures it on every store there is.
pub fn run(bench: &Bench, board: &mut Board) -> Result<(), String> {
    let floor = bench.programs.floor()?;
    let bare = load(bench, address(&floor), "/accept")?;
    drop(floor);
    let embedded = measure(bench, &[], None)?;
    enter(board, "embedded store", Goal::AtLeast(0.4), &bare, &embedded)?;
    if let Some(mongod) = &bench.mongod {
        let mongo = on_mongo(bench, mongod)?;
        enter(board, "MongoDB store", Goal::AtLeast(0.12), &bare, &mongo)?;
    }
    if bench.sizes.answers > 0 {
        let full = measure(bench, &[], Some(filled(bench)?))?;
        let what = format!("embedded store, {} answers in it, against an empty one", bench.sizes.answers);
        let (empty, full) = (embedded.report.rate(202)?, full.report.rate(202)?);
        board.pair(SCENARIO, &what, "requests/s", Goal::AtLeast(0.8), empty, full);
    }
    Ok(())
}

/// A run on a gateway.
struct Measured {
    report: Report,
    micros_each: f64,
}

fn enter(board: &mut Board, store: &str, goal: Goal, bare: &Report, run: &Measured) -> Result<(), String> {
    let rate = run.report.rate(202)?;
    board.pair(SCENARIO, store, "requests/s", goal, bare.rate(202)?, rate);
    if let (Some(bare), Some(gateway)) = (bare.p99(202), run.report.p99(202)) {
        board.pair(SCENARIO, &format!("{store}, 99th percentile"), "ms", Goal::None, bare, gateway);
    }
    board.single(SCENARIO, &format!("{store}, CPU of a request"), "µs", Goal::None, run.micros_each);
    let (bare, gateway) = (bare.cores()?, run.report.cores()?);
    board.pair(SCENARIO, &format!("{store}, CPU of the load generator"), "cores", Goal::None, bare, gateway);
    Ok(())
}

fn on_mongo(bench: &Bench, mongod: &Path) -> Result<Measured, String> {
    let folder = TempDir::new_in(&bench.programs.folder).map_err(|error| error.to_string())?;
    let database = Database::start(mongod, &folder.path().join("mongod"))?;
    measure(bench, &[("MONGODB_URI", &database.uri), ("MONGO_DATABASE", "bench")], None)
}

fn measure(bench: &Bench, store: &[(&str, &str)], past: Option<PathBuf>) -> Result<Measured, String> {
    let variables = [&COLLATING, store].concat();
    let stage = match past {
        None => Stage::start(&bench.programs, &[], &variables)?,
        Some(past) => {
            let folder = TempDir::new_in(&bench.programs.folder).map_err(|error| error.to_string())?;
            copy(&past, &folder.path().join("data"))?;
            Stage::start_on(&bench.programs, &[], &variables, folder)?
        }
    };
    // Until then every request is looked for in the store.
    stage.says("it is known which requests have answers", 1, KNOWN_WITHIN)?;
    let before = usage::cpu(stage.gateway.id())?;
    let report = load(bench, stage.address(), "/v1/chat/completions")?;
    let used = usage::cpu(stage.gateway.id())? - before;
    let micros_each = used.as_secs_f64() * 1e6 / report.count(202);
    Ok(Measured { report, micros_each })
}

fn load(bench: &Bench, target: &str, path: &str) -> Result<Report, String> {
    let mut load = bench.programs.load(target);
    load.args(["loops", "--path", path, "--connections", CONNECTIONS]);
    load.args(["--seconds", &bench.sizes.accept_seconds.to_string()]);
    let report = Load::start(&mut load)?.report()?;
    report.only(&[202])?;
    Ok(report)
}

/// A store with answers, which is filled once and copied for each run.
fn filled(bench: &Bench) -> Result<PathBuf, String> {
    let folder = bench.programs.folder.join(format!("answers-{}", bench.sizes.answers));
    let stamp = folder.join("filled");
    if !stamp.exists() {
        println!("filling a store with {} answers", bench.sizes.answers);
        crate::stamp::clear(&folder)?;
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        bench.programs.fill(&folder.join("data"), bench.sizes.answers)?;
        fs::write(&stamp, "").map_err(|error| error.to_string())?;
    }
    Ok(folder.join("data"))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let fault = |error: std::io::Error| format!("cannot copy {}: {error}", from.display());
    fs::create_dir_all(to).map_err(fault)?;
    for entry in fs::read_dir(from).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let to = to.join(entry.file_name());
        fs::copy(entry.path(), &to).map_err(fault)?;
        // Or else the disk is still busy with the copy while the gateway waits for it.
        fs::File::open(&to).and_then(|file| file.sync_all()).map_err(fault)?;
    }
    Ok(())
}
