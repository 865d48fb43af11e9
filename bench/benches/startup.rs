//! What a start costs on a store with a long history: `cargo bench -p batch-gpt-bench --bench startup`.
//!
//! Fills a store with settled and open requests, closes it, and measures a start: opening, reading what is
//! unfinished, and fetching its bodies. `BATCH_GPT_BENCH_SETTLED`, `BATCH_GPT_BENCH_OPEN` set the numbers,
//! `MONGODB_URI` puts it on MongoDB, in a database of its own that stays, instead of a throw-away folder. Linux only: memory
//! is read from /proc. The floor is a plain read of the same file.

use std::{collections::HashMap, env, fs, time::Instant};

use batch_gpt::store::{Location, open};
use batch_gpt_actors::rules::{ids::RequestId, record::replay};
use batch_gpt_bench::history::{GROUP, fill};

fn number(name: &str, default: usize) -> usize {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn memory(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

async fn start(location: &Location) {
    let before = memory("VmRSS");
    let began = Instant::now();
    let store = open(location, "bench").await.unwrap();
    let opened = began.elapsed();
    let unfinished = replay(store.unfinished().await.unwrap());
    let replayed = began.elapsed();
    let ids: Vec<RequestId> = unfinished.open.iter().map(|request| request.id).collect();
    let mut bodies = HashMap::new();
    for ids in ids.chunks(GROUP) {
        bodies.extend(store.bodies(ids).await.unwrap());
    }
    let fetched = began.elapsed();
    println!("open {opened:?}, unfinished {:?}, bodies {:?}", replayed - opened, fetched - replayed);
    println!(
        "{} requests open, {} bodies, {} MiB more memory",
        ids.len(),
        bodies.len(),
        memory("VmRSS") - before
    );
    store.close().await;
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (done, fresh) =
            (number("BATCH_GPT_BENCH_SETTLED", 1_000_000), number("BATCH_GPT_BENCH_OPEN", 50_000));
        let folder = tempfile::tempdir().unwrap();
        let location = match env::var("MONGODB_URI") {
            Ok(uri) => Location::Mongo { uri, database: format!("batch_gpt_bench_{}", std::process::id()) },
            Err(_) => Location::Embedded { folder: folder.path().join("data") },
        };
        let began = Instant::now();
        fill(&location, done, fresh).await.unwrap();
        println!("filled with {done} settled and {fresh} open requests in {:?}", began.elapsed());
        for file in fs::read_dir(folder.path().join("data")).into_iter().flatten().flatten() {
            let began = Instant::now();
            let bytes = fs::read(file.path()).map_or(0, |bytes| bytes.len());
            println!("floor: {} MiB of {:?} read in {:?}", bytes >> 20, file.file_name(), began.elapsed());
        }
        for _ in 0..3 {
            start(&location).await;
        }
    });
}
