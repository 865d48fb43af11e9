//! A store with a past: settled batches with all their answers, and open requests.

use std::sync::Arc;

use batch_gpt::store::{Location, open};
use batch_gpt_actors::{
    ports::StoreFault,
    rules::{
        fingerprint::Fingerprint,
        ids::{BatchKey, FileId, RequestId},
        lane::{Endpoint, Lane, Tenant},
        outcome::{Origin, Outcome},
        record::{Accepted, Record},
        terms::Keeping,
        time::Timestamp,
        upstream_batch::UpstreamBatch,
    },
};
use bytes::Bytes;

/// Requests of a batch.
const BATCH: usize = 10_000;
/// Records that are handed to a store at a time.
pub const GROUP: usize = 1_000;
/// When it all happened.
const THEN: Timestamp = Timestamp(1_700_000_000_000);

/// Fills a store through its own API.
pub async fn fill(
    location: &Location,
    settled_requests: usize,
    open_requests: usize,
) -> Result<(), StoreFault> {
    let lane = Arc::new(Lane {
        tenant: Tenant::anonymous(),
        endpoint: Endpoint::ChatCompletions,
        model: "m".into(),
    });
    let store = open(location, "bench").await?;
    for first in (0..settled_requests).step_by(BATCH) {
        for group in settled(first, &lane)? {
            store.append(&group).await?;
        }
    }
    let fresh: Vec<usize> = (settled_requests..settled_requests + open_requests).collect();
    for numbers in fresh.chunks(GROUP) {
        let group: Vec<Record> = numbers.iter().map(|n| accepted(*n, &lane)).collect();
        store.append(&group).await?;
    }
    store.close().await;
    Ok(())
}

fn settled(first: usize, lane: &Arc<Lane>) -> Result<Vec<Vec<Record>>, StoreFault> {
    let key = BatchKey(first as u128);
    let ids: Arc<[RequestId]> = (first..first + BATCH).map(|n| RequestId(n as u128)).collect();
    let object = |status: &str| {
        let text = format!(r#"{{"id":"batch_{first}","status":"{status}","created_at":{first}}}"#);
        UpstreamBatch::parse(&text).map_err(|error| StoreFault::Unusable(error.to_string()))
    };
    let mut groups: Vec<Vec<Record>> = (first..first + BATCH)
        .collect::<Vec<_>>()
        .chunks(GROUP)
        .map(|numbers| numbers.iter().map(|n| accepted(*n, lane)).collect())
        .collect();
    groups.push(vec![
        Record::Sealed { key, lane: lane.clone(), requests: ids.clone(), at: THEN },
        Record::Uploaded { key, file: FileId::from("file-1"), at: THEN },
        Record::Created { key, batch: object("validating")?, at: THEN },
        Record::Observed { key, batch: object("completed")?, at: THEN },
    ]);
    for ids in ids.chunks(GROUP) {
        let outcome = |id: &RequestId| {
            (*id, Outcome { status: 200, body: body(id.0 as usize), origin: Origin::Upstream })
        };
        groups.push(vec![Record::Answered { key, outcomes: ids.iter().map(outcome).collect(), at: THEN }]);
    }
    groups.push(vec![Record::Settled { key, returned: Arc::new([]), spent: Arc::new([]), at: THEN }]);
    Ok(groups)
}

fn accepted(n: usize, lane: &Arc<Lane>) -> Record {
    let request = Accepted {
        id: RequestId(n as u128),
        lane: lane.clone(),
        fingerprint: fingerprint(n as u64),
        at: Timestamp(THEN.0 + n as u64),
        attempts: 0,
        keeping: Keeping::default(),
    };
    Record::Accepted { request, body: body(n) }
}

/// Spread over the whole range as real ones are, because an index is slower there than at its end.
fn fingerprint(n: u64) -> Fingerprint {
    let mut bytes = [0; 32];
    for (place, part) in bytes.chunks_exact_mut(8).zip(0..) {
        place.copy_from_slice(&spread(4 * n + part).to_be_bytes());
    }
    Fingerprint(bytes)
}

/// The finalizer of `SplitMix64`, which gives different numbers for different numbers.
fn spread(n: u64) -> u64 {
    let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

fn body(n: usize) -> Bytes {
    let filler = "x".repeat(200);
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{n} {filler}"}}]}}"#).into()
}
