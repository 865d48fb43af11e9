//! What the journal says, kept so that it can be asked, and checked as it is written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use batch_gpt_actors::ports::SpentFiles;
use batch_gpt_actors::rules::{
    fingerprint::{Fingerprint, Start},
    ids::{BatchKey, FileId, RequestId},
    lane::Lane,
    lines,
    outcome::Outcome,
    record::{Accepted, Record, replay},
    time::Timestamp,
};
use bytes::Bytes;

use crate::{settings::SETTINGS, world::World};

#[derive(Debug, Clone)]
pub struct KnownRequest {
    pub accepted: Accepted,
    pub body: Bytes,
    /// Its place in the order of acceptance.
    place: usize,
    batch: Option<BatchKey>,
    withdrawn: bool,
}

#[derive(Debug)]
struct KnownBatch {
    requests: Vec<RequestId>,
    uploaded: bool,
    settled: bool,
}

#[derive(Default)]
pub struct Books {
    records: Vec<Record>,
    requests: HashMap<RequestId, KnownRequest>,
    batches: HashMap<BatchKey, KnownBatch>,
    outcomes: HashMap<RequestId, (Outcome, Timestamp)>,
    /// Requests with an outcome, the latest one last.
    answered: Vec<RequestId>,
    /// Files of settled batches that are still to be removed.
    spent: BTreeMap<BatchKey, Vec<FileId>>,
    /// All files that had to be removed at some time.
    pub useless: Vec<FileId>,
}

impl Books {
    pub fn write(&mut self, record: &Record, world: &World) {
        self.records.push(match record {
            Record::Accepted { request, .. } => {
                Record::Accepted { request: request.clone(), body: Bytes::new() }
            }
            other => other.clone(),
        });
        match record {
            Record::Accepted { request, body } => {
                let place = self.requests.len();
                self.requests.entry(request.id).or_insert_with(|| KnownRequest {
                    accepted: request.clone(),
                    body: body.clone(),
                    place,
                    batch: None,
                    withdrawn: false,
                });
            }
            Record::Withdrawn { id, .. } => {
                if let Some(request) = self.requests.get_mut(id) {
                    let free = request
                        .batch
                        .is_none_or(|key| self.batches.get(&key).is_some_and(|batch| batch.settled));
                    world.expect(free, || format!("{id} is withdrawn out of a batch"));
                    request.withdrawn = true;
                }
            }
            Record::Sealed { key, lane, requests, .. } => self.seal(*key, lane, requests, world),
            Record::Uploaded { key, .. } => {
                if let Some(batch) = self.batches.get_mut(key) {
                    batch.uploaded = true;
                }
            }
            Record::Answered { key, outcomes, at } => {
                for (id, outcome) in outcomes.iter() {
                    self.answer(*key, *id, outcome, *at, world);
                }
            }
            Record::Settled { key, returned, spent, .. } => self.settle(*key, returned, spent, world),
            Record::FilesRemoved { key, .. } => {
                let wanted = self.spent.remove(key).is_some() || self.is_settled(*key);
                world.expect(wanted, || format!("files of {key} are removed without an end"));
            }
            Record::Created { .. }
            | Record::Observed { .. }
            | Record::Cancelled { .. }
            | Record::Purged { .. }
            | Record::FileMade { .. }
            | Record::NativeBatch { .. } => {}
        }
    }

    fn seal(&mut self, key: BatchKey, lane: &Lane, requests: &[RequestId], world: &World) {
        if self.batches.contains_key(&key) {
            return;
        }
        let limits = SETTINGS.limits;
        let (mut bytes, mut last) = (0, None);
        for id in requests {
            let settled = |key: &BatchKey| self.batches.get(key).is_some_and(|batch| batch.settled);
            let Some(request) = self.requests.get_mut(id) else {
                world.broken(|| format!("{key} holds {id}, which was not accepted"));
                continue;
            };
            bytes += lines::overhead(lane.endpoint) + request.body.len() as u64;
            world.expect(*request.accepted.lane == *lane, || {
                format!("{key} of {lane} holds a stranger, {id}")
            });
            world.expect(!request.withdrawn, || format!("{key} holds {id}, which was withdrawn"));
            world.expect(!self.outcomes.contains_key(id), || {
                format!("{key} holds {id}, which has its outcome")
            });
            world.expect(request.batch.as_ref().is_none_or(settled), || format!("{id} is in two batches"));
            if request.batch.is_none() {
                let in_order = last.is_none_or(|last| last < request.place);
                world.expect(in_order, || format!("{key} is not in the order of acceptance"));
                last = Some(request.place);
            }
            request.batch = Some(key);
        }
        let fits = (1..=limits.max_requests).contains(&requests.len()) && bytes <= limits.max_bytes;
        world.expect(fits, || format!("{key} has {} lines of {bytes} bytes", requests.len()));
        let batch = KnownBatch { requests: requests.to_vec(), uploaded: false, settled: false };
        self.batches.insert(key, batch);
    }

    fn answer(&mut self, key: BatchKey, id: RequestId, outcome: &Outcome, at: Timestamp, world: &World) {
        // What never fits into any batch is answered under a key that no batch has.
        let ours = self.batches.get(&key).is_none_or(|batch| batch.requests.contains(&id));
        world.expect(ours, || format!("{key} answers {id}, which is none of its requests"));
        match self.outcomes.get(&id) {
            Some((first, _)) => {
                world.expect(first == outcome, || format!("{id} has two outcomes: {first:?}, {outcome:?}"));
            }
            None => {
                self.outcomes.insert(id, (outcome.clone(), at));
                self.answered.push(id);
            }
        }
    }

    fn settle(&mut self, key: BatchKey, returned: &[(RequestId, u32)], spent: &[FileId], world: &World) {
        let Some(batch) = self.batches.get_mut(&key) else { return };
        if std::mem::replace(&mut batch.settled, true) {
            return;
        }
        if !spent.is_empty() {
            self.spent.insert(key, spent.to_vec());
            self.useless.extend_from_slice(spent);
        }
        for id in &batch.requests {
            let back = returned.iter().any(|(returned, _)| returned == id);
            let answered = self.outcomes.contains_key(id);
            world.expect(answered || back, || format!("{key} is settled without {id}"));
            // A request that had its outcome, and goes on, may be paid for twice.
            world.expect(!(answered && back), || format!("{key} gives back {id}, which has its outcome"));
        }
    }

    /// Whether this batch has held this request.
    pub fn is_in(&self, id: RequestId, key: BatchKey) -> bool {
        self.batches.get(&key).is_some_and(|batch| batch.requests.contains(&id))
    }

    pub fn records(&self) -> Vec<Record> {
        self.records.clone()
    }

    pub fn request(&self, id: RequestId) -> Option<&KnownRequest> {
        self.requests.get(&id)
    }

    pub fn requests(&self) -> impl Iterator<Item = &KnownRequest> {
        self.requests.values()
    }

    pub fn outcome(&self, id: RequestId) -> Option<&(Outcome, Timestamp)> {
        self.outcomes.get(&id)
    }

    /// The latest request with this fingerprint that has an outcome.
    pub fn latest(&self, fingerprint: &Fingerprint) -> Option<RequestId> {
        let equal = |id: &&RequestId| self.requests[*id].accepted.fingerprint == *fingerprint;
        self.answered.iter().rev().find(equal).copied()
    }

    /// A page of starts of fingerprints that have an outcome.
    pub fn starts(&self, after: Option<Start>, limit: usize) -> Vec<Start> {
        let all = self.answered.iter().map(|id| self.requests[id].accepted.fingerprint.start());
        let all: BTreeSet<Start> = all.filter(|next| after.is_none_or(|after| *next > after)).collect();
        all.into_iter().take(limit).collect()
    }

    /// Whether the sealing of this batch is written, and whether its file is.
    pub fn is_sealed(&self, key: BatchKey) -> bool {
        self.batches.contains_key(&key)
    }

    pub fn is_uploaded(&self, key: BatchKey) -> bool {
        self.batches.get(&key).is_some_and(|batch| batch.uploaded)
    }

    pub fn is_settled(&self, key: BatchKey) -> bool {
        self.batches.get(&key).is_some_and(|batch| batch.settled)
    }

    pub fn spent_files(&self) -> Vec<SpentFiles> {
        let spent = self.spent.iter();
        spent.map(|(key, files)| SpentFiles { key: *key, files: files.clone() }).collect()
    }

    pub fn unfinished(&self) -> Option<String> {
        if let Some((key, files)) = self.spent.first_key_value() {
            return Some(format!("the files {files:?} of {key} are upstream"));
        }
        let left = replay(self.records.iter().cloned());
        let nothing = left.open.is_empty() && left.batches.is_empty() && left.awaited.is_empty();
        (!nothing).then(|| format!("{left:?}"))
    }
}
