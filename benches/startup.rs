//! What a start costs on a store with a long history: `cargo bench --bench startup`.
//!
//! Fills a store with settled and open requests, closes it, and measures a start: opening, reading what is
//! unfinished, and fetching its bodies. `BATCH_GPT_BENCH_SETTLED`, `BATCH_GPT_BENCH_OPEN` set the numbers,
//! `MONGODB_URI` puts it on MongoDB, in a database of its own that stays, instead of a throw-away folder. Linux only: memory
//! is read from /proc. The floor is a plain read of the same file.

use std::{collections::HashMap, env, fs, sync::Arc, time::Instant};

use batch_gpt::store::{Location, open};
use batch_gpt_actors::rules::{
    fingerprint::Fingerprint,
    ids::{BatchKey, FileId, RequestId},
    lane::{Endpoint, Lane, Tenant},
    outcome::{Origin, Outcome},
    record::{Accepted, Record, replay},
    terms::Keeping,
    time::Timestamp,
    upstream_batch::UpstreamBatch,
};
use bytes::Bytes;

const BATCH: usize = 10_000;
const GROUP: usize = 1_000;

fn number(name: &str, default: usize) -> usize {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn memory(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

fn accepted(n: usize, lane: &Arc<Lane>) -> Record {
    let mut fingerprint = [0; 32];
    fingerprint[..8].copy_from_slice(&(n as u64).to_be_bytes());
    let request = Accepted {
        id: RequestId(n as u128),
        lane: lane.clone(),
        fingerprint: Fingerprint(fingerprint),
        at: Timestamp(1_700_000_000_000 + n as u64),
        attempts: 0,
        keeping: Keeping::default(),
    };
    Record::Accepted { request, body: body(n) }
}

fn body(n: usize) -> Bytes {
    let filler = "x".repeat(200);
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{n} {filler}"}}]}}"#).into()
}

fn settled(first: usize, lane: &Arc<Lane>) -> Vec<Vec<Record>> {
    let (key, at) = (BatchKey(first as u128), Timestamp(1_700_000_000_000));
    let ids: Arc<[RequestId]> = (first..first + BATCH).map(|n| RequestId(n as u128)).collect();
    let object = |status: &str| {
        let text = format!(r#"{{"id":"batch_{first}","status":"{status}","created_at":{first}}}"#);
        UpstreamBatch::parse(&text).unwrap()
    };
    let mut groups: Vec<Vec<Record>> = (first..first + BATCH)
        .collect::<Vec<_>>()
        .chunks(GROUP)
        .map(|numbers| numbers.iter().map(|n| accepted(*n, lane)).collect())
        .collect();
    groups.push(vec![
        Record::Sealed { key, lane: lane.clone(), requests: ids.clone(), at },
        Record::Uploaded { key, file: FileId::from("file-1"), at },
        Record::Created { key, batch: object("validating"), at },
        Record::Observed { key, batch: object("completed"), at },
    ]);
    for ids in ids.chunks(GROUP) {
        let outcome = |id: &RequestId| {
            (*id, Outcome { status: 200, body: body(id.0 as usize), origin: Origin::Upstream })
        };
        groups.push(vec![Record::Answered { key, outcomes: ids.iter().map(outcome).collect(), at }]);
    }
    groups.push(vec![Record::Settled { key, returned: Arc::new([]), at }]);
    groups
}

async fn fill(location: &Location, settled_requests: usize, open_requests: usize) {
    let lane = Arc::new(Lane {
        tenant: Tenant::anonymous(),
        endpoint: Endpoint::ChatCompletions,
        model: "m".into(),
    });
    let store = open(location, "bench").await.unwrap();
    for first in (0..settled_requests).step_by(BATCH) {
        for group in settled(first, &lane) {
            store.append(&group).await.unwrap();
        }
    }
    let fresh: Vec<usize> = (settled_requests..settled_requests + open_requests).collect();
    for numbers in fresh.chunks(GROUP) {
        let group: Vec<Record> = numbers.iter().map(|n| accepted(*n, &lane)).collect();
        store.append(&group).await.unwrap();
    }
    store.close().await;
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
        fill(&location, done, fresh).await;
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
