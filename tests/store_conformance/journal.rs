//! Records to write, and journals as a gateway would write them.

use std::{collections::HashMap, sync::Arc};

use batch_gpt_actors::ports::Store;
use batch_gpt_actors::rules::{
    fingerprint::Fingerprint,
    ids::{BatchKey, RequestId},
    lane::{Endpoint, Lane, Tenant},
    outcome::{Origin, Outcome},
    record::{Accepted, Record, Unfinished, replay},
    terms::Keeping,
    time::Timestamp,
    upstream_batch::UpstreamBatch,
};
use bytes::Bytes;

pub(crate) fn lane(tenant: &str, model: &str) -> Arc<Lane> {
    Arc::new(Lane { tenant: Tenant(tenant.into()), endpoint: Endpoint::ChatCompletions, model: model.into() })
}

/// A fingerprint like no other number's.
pub(crate) fn fingerprint(number: u128) -> Fingerprint {
    let mut bytes = [7; 32];
    bytes[4..20].copy_from_slice(&number.to_le_bytes());
    Fingerprint(bytes)
}

pub(crate) fn request(number: u128, lane: &Arc<Lane>) -> Accepted {
    Accepted {
        id: RequestId(number),
        lane: lane.clone(),
        fingerprint: fingerprint(number),
        at: Timestamp(1_700_000_000_000 + number as u64),
        attempts: 0,
        keeping: Keeping::default(),
    }
}

pub(crate) fn body(number: u128) -> Bytes {
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{number}"}}]}}"#).into()
}

pub(crate) fn accepted(number: u128, lane: &Arc<Lane>) -> Record {
    Record::Accepted { request: request(number, lane), body: body(number) }
}

pub(crate) fn sealed(key: u128, lane: &Arc<Lane>, requests: impl IntoIterator<Item = u128>) -> Record {
    Record::Sealed {
        key: BatchKey(key),
        lane: lane.clone(),
        requests: requests.into_iter().map(RequestId).collect(),
        at: Timestamp(1_700_000_100_000 + key as u64),
    }
}

pub(crate) fn uploaded(key: u128) -> Record {
    Record::Uploaded {
        key: BatchKey(key),
        file: format!("file-{key}").as_str().into(),
        at: Timestamp(1_700_000_200_000),
    }
}

/// A batch object; its bytes tell it from every other.
pub(crate) fn object(id: &str, created_at: u64, status: &str) -> UpstreamBatch {
    let text = format!(
        r#"{{"id":"{id}", "object":"batch","status":"{status}","created_at":{created_at},"request_counts":{{"total":0}}}}"#
    );
    UpstreamBatch::parse(&text).unwrap()
}

pub(crate) fn created(key: u128, batch: UpstreamBatch) -> Record {
    Record::Created { key: BatchKey(key), batch, at: Timestamp(1_700_000_300_000) }
}

pub(crate) fn observed(key: u128, batch: UpstreamBatch, at: u64) -> Record {
    Record::Observed { key: BatchKey(key), batch, at: Timestamp(at) }
}

pub(crate) fn outcome(words: &str) -> Outcome {
    Outcome { status: 200, body: Bytes::from(words.to_owned()), origin: Origin::Upstream }
}

pub(crate) fn answered(key: u128, outcomes: impl IntoIterator<Item = (u128, Outcome)>, at: u64) -> Record {
    Record::Answered {
        key: BatchKey(key),
        outcomes: outcomes.into_iter().map(|(number, outcome)| (RequestId(number), outcome)).collect(),
        at: Timestamp(at),
    }
}

pub(crate) fn settled(key: u128) -> Record {
    Record::Settled {
        key: BatchKey(key),
        returned: Arc::new([]),
        spent: Arc::new([]),
        at: Timestamp(1_700_000_900_000),
    }
}

/// What a restart would make of the store.
pub(crate) async fn unfinished(store: &dyn Store) -> Unfinished {
    replay(store.unfinished().await.unwrap())
}

/// Numbers that look random and are the same every time.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// One of `0..sides`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }
}

/// A batch under way in [`journal`].
struct Job {
    key: u128,
    lane: usize,
    waiting: Vec<u128>,
    steps: usize,
}

/// A journal such as a busy gateway writes: lanes fill and are sealed, batches go their way side by side, outcomes
/// come in pieces, and some requests come back without one and go into another batch. Numbers start at `first`, so that journals can share a store.
pub(crate) fn journal(seed: u64, first: u128, length: usize) -> Vec<Record> {
    let mut dice = Dice::new(seed);
    let lanes = [lane("ann", "m-1"), lane("ann", "m-2"), lane("bob", "m-1")];
    let mut open: Vec<Vec<u128>> = vec![Vec::new(); lanes.len()];
    let (mut jobs, mut records, mut next) = (Vec::<Job>::new(), Vec::new(), first);
    let mut sent = HashMap::<u128, u32>::new();
    while records.len() < length {
        let at = 1_700_001_000_000 + records.len() as u64;
        let chosen = dice.roll(lanes.len());
        match dice.roll(10) {
            0..4 => {
                records.push(accepted(next, &lanes[chosen]));
                open[chosen].push(next);
                next += 1;
            }
            4 if open[chosen].len() > 1 => {
                let leaver = dice.roll(open[chosen].len());
                let id = RequestId(open[chosen].remove(leaver));
                records.push(Record::Withdrawn { id, at: Timestamp(at) });
            }
            5 if !open[chosen].is_empty() => {
                let requests = std::mem::take(&mut open[chosen]);
                records.push(sealed(next, &lanes[chosen], requests.iter().copied()));
                jobs.push(Job { key: next, lane: chosen, waiting: requests, steps: 0 });
                next += 1;
            }
            6.. if !jobs.is_empty() => {
                let chosen = dice.roll(jobs.len());
                if let Some(record) = advance(&mut jobs[chosen], at, &mut dice) {
                    records.push(record);
                } else {
                    let job = jobs.remove(chosen);
                    job.waiting.iter().for_each(|number| *sent.entry(*number).or_default() += 1);
                    let returned =
                        job.waiting.iter().map(|number| (RequestId(*number), sent[number])).collect();
                    records.push(Record::Settled {
                        key: BatchKey(job.key),
                        returned,
                        spent: Arc::new([]),
                        at: Timestamp(at),
                    });
                    open[job.lane].extend(job.waiting);
                }
            }
            _ => {}
        }
    }
    records
}

/// The next record of a job, or `None` when all that is left is to settle it.
fn advance(job: &mut Job, at: u64, dice: &mut Dice) -> Option<Record> {
    job.steps += 1;
    let id = format!("batch_{}", job.key);
    match job.steps {
        1 => Some(uploaded(job.key)),
        2 => Some(created(job.key, object(&id, at, "validating"))),
        3 => Some(observed(job.key, object(&id, at, "in_progress"), at)),
        4 if dice.roll(3) == 0 => Some(Record::Cancelled { key: BatchKey(job.key), at: Timestamp(at) }),
        4 => Some(observed(job.key, object(&id, at, "completed"), at)),
        _ if job.waiting.is_empty() || dice.roll(4) == 0 => None,
        _ => {
            let some = 1 + dice.roll(job.waiting.len());
            let done: Vec<u128> = job.waiting.drain(..some).collect();
            let outcomes = done.into_iter().map(|number| (number, outcome(&format!("{number} at {at}"))));
            Some(answered(job.key, outcomes, at))
        }
    }
}
