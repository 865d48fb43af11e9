//! What the rules cost by themselves: `cargo bench -p batch-gpt-actors`.

use std::{collections::HashSet, hint::black_box, sync::Arc};

use batch_gpt_actors::rules::{
    body,
    collate::{Collation, Limits, MAX_INPUTS, Weight},
    ids::RequestId,
    lane::{Endpoint, Lane, Tenant},
    lines::{self, Lines},
    results::Pairing,
    time::{Millis, Timestamp},
};
use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Bytes of a body: a question, a page, an article.
const SIZES: [usize; 3] = [300, 4_000, 64_000];
/// Lines of a file, or requests of a lane.
const MANY: u128 = 1_000;

fn request(bytes: usize) -> Vec<u8> {
    let filler = "x".repeat(bytes.saturating_sub(60));
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{filler}"}}]}}"#).into_bytes()
}

fn check(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("check and fingerprint of a body");
    let tenant = Tenant::anonymous();
    for size in SIZES {
        let body = request(size);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &body, |bencher, body| {
            bencher.iter(|| {
                let checked = body::check(Endpoint::ChatCompletions, black_box(body)).unwrap();
                checked.fingerprint(&tenant, Endpoint::ChatCompletions)
            });
        });
    }
}

fn write(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("writing of a line");
    let mut file = BytesMut::new();
    for size in SIZES {
        let body = request(size);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &body, |bencher, body| {
            bencher.iter(|| {
                file.clear();
                lines::write(&mut file, RequestId(1), Endpoint::ChatCompletions, black_box(body));
            });
        });
    }
}

fn pair(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cutting and pairing of 1,000 result lines");
    let ids: Vec<RequestId> = (0..MANY).map(RequestId).collect();
    for size in [300, 4_000] {
        let filler = "x".repeat(size);
        let line = |id: &RequestId| {
            format!(
                r#"{{"custom_id":"{id}","response":{{"status_code":200,"body":{{"text":"{filler}"}}}},"error":null}}"#
            )
        };
        let file = ids.iter().map(line).collect::<Vec<_>>().join("\n") + "\n";
        let file = Bytes::from(file);
        group.throughput(Throughput::Bytes(file.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &file, |bencher, file| {
            let fresh = || Pairing::new(&ids, &HashSet::new());
            bencher.iter_batched(fresh, |pairing| paired(pairing, file), BatchSize::SmallInput);
        });
    }
}

fn paired(mut pairing: Pairing, file: &Bytes) -> usize {
    let (mut lines, mut found) = (Lines::default(), 0);
    let mut rest = file.clone();
    while !rest.is_empty() {
        lines.push(rest.split_to(rest.len().min(16 << 10)));
        while let Some(line) = lines.next_line() {
            found += usize::from(pairing.take(&line).is_some());
        }
    }
    assert_eq!(found as u128, MANY);
    found
}

struct Item;

impl Weight for Item {
    fn bytes(&self) -> u64 {
        400
    }

    fn inputs(&self) -> usize {
        0
    }
}

fn collate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("collation of 1,000 requests");
    let limits = Limits {
        max_requests: 50_000,
        max_bytes: 200_000_000,
        max_inputs: MAX_INPUTS,
        window: Millis(5_000),
    };
    for models in [1, 1_000] {
        let lane = |model: usize| {
            let model = format!("model-{model}").into();
            Arc::new(Lane { tenant: Tenant::anonymous(), endpoint: Endpoint::ChatCompletions, model })
        };
        let lanes: Vec<Arc<Lane>> = (0..models).map(lane).collect();
        group.throughput(Throughput::Elements(MANY as u64));
        group.bench_with_input(BenchmarkId::new("lanes", models), &lanes, |bencher, lanes| {
            bencher.iter(|| {
                let mut collation = Collation::new(limits);
                for lane in lanes.iter().cycle().take(MANY as usize) {
                    assert!(collation.offer(Timestamp(0), lane, Item).is_ok());
                }
                collation.due(Timestamp(5_000)).len()
            });
        });
    }
}

criterion_group!(rules, check, write, pair, collate);
criterion_main!(rules);
