//! The largest batch there is: 50,000 lines, 200 MB, and nobody who waits.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;

use super::{
    Bench,
    board::{Board, Goal},
    call,
    park::results,
    programs::{Load, Programs},
    stage::{Stage, address},
    usage,
};

const SCENARIO: &str = "full batch";
const LIMIT: Duration = Duration::from_secs(300);
/// Bytes of a body that make a line of 4,000 with what stands around it, or a little less.
const BODY: usize = 3_850;
/// What the gateway says in its log: the batch has its lines; that is durable, and the file begins to leave; the upstream
/// has it; the batch is completed; its results are read; they are durable.
const SEALED: &str = "] sealed ";
const UPLOADING: &str = ": uploading ";
const UPLOADED: &str = ": uploaded ";
const READING: &str = "; reading its files";
const READ: &str = ": read ";
const SETTLED: &str = ": settled";
/// Of a plain copy.
const COPIED: Goal = Goal::AtLeast(0.6);
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
    stage.says(SETTLED, 1, LIMIT)?;
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

/// Each figure stands by itself, so that one that cannot be read hides none of those before it.
fn copies(bench: &Bench, board: &mut Board, stage: &Stage) -> Result<(), String> {
    let folder = TempDir::new_in(&bench.programs.folder).map_err(|error| error.to_string())?;
    let took = |from: &str, to: &str| Ok::<_, String>(stage.said_at(to)?.since(stage.said_at(from)?));
    let rate = |bytes: u64, seconds: f64| bytes as f64 / 1e6 / seconds;
    let sealing = took(SEALED, UPLOADING)?.as_secs_f64() * 1e3;
    board.single(SCENARIO, "sealing", "ms", Goal::None, sealing);

    let up = bytes_up(&stage.gateway.said())?;
    let plain = plain_upload(&bench.programs, folder.path(), up)?;
    let took_up = took(UPLOADING, UPLOADED)?.as_secs_f64();
    board.pair(SCENARIO, "upload", "MB/s", COPIED, rate(up, plain), rate(up, took_up));

    let down = bytes_down(stage)?;
    let plain = plain_download(&bench.programs, folder.path(), down)?;
    let took_down = took(READING, READ)?.as_secs_f64();
    board.pair(SCENARIO, "download", "MB/s", COPIED, rate(down, plain), rate(down, took_down));

    let landed = folder.path().join("landed");
    let plain = bench.programs.copy(&["land".as_ref(), landed.as_os_str(), down.to_string().as_ref()])?;
    let landing = took(READ, SETTLED)?.as_secs_f64();
    board.pair(SCENARIO, "landing", "MB/s", Goal::None, rate(down, plain), rate(down, landing));
    Ok(())
}

/// Seconds that reqwest takes to send a file of so many bytes to actix-web, which keeps it in memory.
fn plain_upload(programs: &Programs, folder: &Path, bytes: u64) -> Result<f64, String> {
    let (file, floor) = (written(folder.join("up"), bytes)?, programs.floor()?);
    let sink = format!("http://{}/sink", address(&floor));
    programs.copy(&["upload".as_ref(), sink.as_ref(), file.as_os_str()])
}

/// Seconds that reqwest takes to write into a file what actix-web sends out of one.
fn plain_download(programs: &Programs, folder: &Path, bytes: u64) -> Result<f64, String> {
    let file = written(folder.join("down"), bytes)?;
    let floor = programs.floor_with(&file)?;
    let source = format!("http://{}/source", address(&floor));
    programs.copy(&["download".as_ref(), source.as_ref(), folder.join("arrived").as_os_str()])
}

/// A new file of so many bytes. It is on the disk before anything is measured, and still in memory.
fn written(path: PathBuf, bytes: u64) -> Result<PathBuf, String> {
    let write = || {
        let mut file = File::create(&path)?;
        std::io::copy(&mut std::io::repeat(b'x').take(bytes), &mut file)?;
        file.sync_all()
    };
    write().map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(path)
}

/// What the gateway says that it has uploaded.
fn bytes_up(log: &str) -> Result<u64, String> {
    let words = log.split_once(UPLOADED).map(|(_, rest)| rest);
    let bytes = words.and_then(|words| words.split_whitespace().next()?.parse().ok());
    bytes.ok_or_else(|| "the gateway does not say how much it has uploaded".into())
}

fn bytes_down(stage: &Stage) -> Result<u64, String> {
    let file = call::get(address(&stage.upstream), &format!("/v1/files/{}", results(stage)?))?;
    let file: serde_json::Value = serde_json::from_slice(&file).map_err(|error| error.to_string())?;
    file["bytes"].as_u64().ok_or_else(|| format!("a file without a size: {file}"))
}
