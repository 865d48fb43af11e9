//! The journal: what is written down, and what a restart makes of it.
//!
//! A record is durable before the step after it is taken. Each is safe to write twice, because a store that
//! failed in the middle of a group is handed the same group again.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;

use super::{
    fingerprint::Fingerprint,
    ids::{BatchKey, FileId, RequestId},
    lane::{Lane, Tenant},
    leftover::Attempts,
    outcome::Outcome,
    terms::Keeping,
    time::Timestamp,
    upstream_batch::UpstreamBatch,
};

/// An accepted request without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its id, and its line's `custom_id`.
    pub id: RequestId,
    /// Where it belongs.
    pub lane: Arc<Lane>,
    /// What makes a re-send equal to it.
    pub fingerprint: Fingerprint,
    /// When it was accepted.
    pub at: Timestamp,
    /// How often it has been sent upstream without an outcome: nothing when it is accepted, and whatever the store
    /// knows when it is read back.
    pub attempts: u32,
    /// Which of its terms are kept.
    pub keeping: Keeping,
}

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A request and its body (one line of JSON). From here on it will have an outcome.
    Accepted {
        /// The request.
        request: Accepted,
        /// What the upstream will see. Empty when read back: bodies are fetched apart.
        body: Bytes,
    },
    /// A request nobody waits for any more, dropped before its batch was sealed.
    Withdrawn {
        /// The request.
        id: RequestId,
        /// When.
        at: Timestamp,
    },
    /// A lane was closed: these requests, in this order, are the lines of one batch.
    Sealed {
        /// The batch's own key.
        key: BatchKey,
        /// Its lane.
        lane: Arc<Lane>,
        /// Its lines.
        requests: Arc<[RequestId]>,
        /// When.
        at: Timestamp,
    },
    /// The lines are a file upstream.
    Uploaded {
        /// The batch.
        key: BatchKey,
        /// The file.
        file: FileId,
        /// When.
        at: Timestamp,
    },
    /// The batch exists upstream.
    Created {
        /// The batch.
        key: BatchKey,
        /// What the upstream answered.
        batch: UpstreamBatch,
        /// When.
        at: Timestamp,
    },
    /// The upstream was asked how the batch stands, and the answer was news.
    Observed {
        /// The batch.
        key: BatchKey,
        /// What the upstream answered.
        batch: UpstreamBatch,
        /// When.
        at: Timestamp,
    },
    /// Outcomes of some of the batch's requests. The first outcome of a request stands.
    Answered {
        /// The batch.
        key: BatchKey,
        /// The outcomes.
        outcomes: Arc<[(RequestId, Outcome)]>,
        /// When.
        at: Timestamp,
    },
    /// Somebody had the gateway cancel the batch: what it leaves undone is not sent again.
    Cancelled {
        /// The batch.
        key: BatchKey,
        /// When.
        at: Timestamp,
    },
    /// Every request of the batch has its outcome or is given back; nothing is left to do for the batch.
    Settled {
        /// The batch.
        key: BatchKey,
        /// Requests without an outcome, in no batch again, each with the number of its sendings so far.
        returned: Arc<[(RequestId, u32)]>,
        /// Its files upstream, which nobody needs any more.
        spent: Arc<[FileId]>,
        /// When.
        at: Timestamp,
    },
    /// The files of a settled batch are not upstream any more, or are left to expire there.
    FilesRemoved {
        /// The batch.
        key: BatchKey,
        /// When.
        at: Timestamp,
    },
    /// Nothing that a request holds is to be kept: from here on nobody gets its answer. An open request stays as it is.
    Purged {
        /// The request.
        id: RequestId,
        /// When.
        at: Timestamp,
    },
    /// A file upstream is a tenant's own: it uploaded it, or a batch of its own made it. The latest maker counts,
    /// should an upstream give an id twice.
    FileMade {
        /// Whose.
        tenant: Tenant,
        /// Which.
        file: FileId,
        /// When.
        at: Timestamp,
    },
    /// A batch that a client made itself, as last seen. It stays the first maker's.
    NativeBatch {
        /// Whose.
        tenant: Tenant,
        /// What the upstream answered.
        batch: UpstreamBatch,
        /// When.
        at: Timestamp,
    },
}

/// How far a batch had come by its records.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Sealed; whether it is a file upstream is unknown.
    Sealed,
    /// A file upstream; whether it is a batch upstream is unknown.
    Uploaded(FileId),
    /// A batch upstream, as last seen.
    Created(UpstreamBatch),
}

/// A batch that was not settled when the records end.
#[derive(Debug, Clone, PartialEq)]
pub struct UnfinishedBatch {
    /// Its key.
    pub key: BatchKey,
    /// Its lane.
    pub lane: Arc<Lane>,
    /// All its requests, in the order of its lines.
    pub requests: Arc<[RequestId]>,
    /// Those of them that have an outcome already.
    pub answered: HashSet<RequestId>,
    /// When it was sealed.
    pub sealed_at: Timestamp,
    /// How far it had come.
    pub progress: Progress,
    /// Somebody had the gateway cancel it.
    pub cancelled: bool,
    /// How often those without an outcome had been sent before.
    pub attempts: Attempts,
}

/// What a restart finds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Unfinished {
    /// Accepted, in no batch, without an outcome: to be collated again, in order of acceptance.
    pub open: Vec<Accepted>,
    /// Sealed and not settled.
    pub batches: Vec<UnfinishedBatch>,
    /// Requests of those batches which have no outcome yet, for re-sends to find.
    pub awaited: Vec<Accepted>,
}

/// Reads the journal. Any prefix of a journal, and any entry twice, is a journal.
pub fn replay(records: impl IntoIterator<Item = Record>) -> Unfinished {
    let mut replay = Replay::default();
    for record in records {
        replay.take(record);
    }
    replay.finish()
}

#[derive(Default)]
struct Replay {
    requests: HashMap<RequestId, (usize, Accepted)>,
    closed: HashSet<RequestId>,
    attempts: HashMap<RequestId, u32>,
    batches: BTreeMap<BatchKey, UnfinishedBatch>,
    settled: HashSet<BatchKey>,
}

impl Replay {
    fn take(&mut self, record: Record) {
        match record {
            Record::Accepted { request, .. } => {
                let order = self.requests.len();
                self.sent(request.id, request.attempts);
                self.requests.entry(request.id).or_insert((order, request));
            }
            Record::Withdrawn { id, .. } => {
                self.closed.insert(id);
            }
            Record::Sealed { key, lane, requests, at } => {
                self.batches.entry(key).or_insert_with(|| UnfinishedBatch {
                    key,
                    lane,
                    requests,
                    answered: HashSet::new(),
                    sealed_at: at,
                    progress: Progress::Sealed,
                    cancelled: false,
                    attempts: Attempts::default(),
                });
            }
            Record::Uploaded { key, file, .. } => self.progress(key, Progress::Uploaded(file)),
            Record::Created { key, batch, .. } | Record::Observed { key, batch, .. } => {
                self.progress(key, Progress::Created(batch));
            }
            Record::Answered { key, outcomes, .. } => {
                self.closed.extend(outcomes.iter().map(|(id, _)| *id));
                if let Some(batch) = self.batches.get_mut(&key) {
                    batch.answered.extend(outcomes.iter().map(|(id, _)| *id));
                }
            }
            Record::Cancelled { key, .. } => {
                if let Some(batch) = self.batches.get_mut(&key) {
                    batch.cancelled = true;
                }
            }
            Record::Settled { key, returned, .. } => {
                self.settled.insert(key);
                returned.iter().for_each(|(id, attempts)| self.sent(*id, *attempts));
            }
            // What clients do themselves leaves nothing to be done, and what is removed is over.
            Record::FileMade { .. }
            | Record::NativeBatch { .. }
            | Record::FilesRemoved { .. }
            | Record::Purged { .. } => {}
        }
    }

    /// The count only ever grows, so an entry that comes twice changes nothing.
    fn sent(&mut self, id: RequestId, attempts: u32) {
        let known = self.attempts.entry(id).or_default();
        *known = attempts.max(*known);
    }

    fn progress(&mut self, key: BatchKey, progress: Progress) {
        let Some(batch) = self.batches.get_mut(&key) else {
            return;
        };
        let backwards = matches!((&batch.progress, &progress), (Progress::Created(_), Progress::Uploaded(_)));
        if !backwards {
            batch.progress = progress;
        }
    }

    fn finish(mut self) -> Unfinished {
        let settled = self.settled;
        self.batches.retain(|key, _| !settled.contains(key));
        // A request that a settled batch gave no outcome waits for another one.
        let sealed: HashSet<RequestId> =
            self.batches.values().flat_map(|batch| batch.requests.iter().copied()).collect();
        let mut requests: Vec<_> =
            self.requests.into_values().filter(|(_, request)| !self.closed.contains(&request.id)).collect();
        requests.sort_by_key(|(order, _)| *order);
        let attempts = self.attempts;
        let sent = |id: &RequestId| attempts.get(id).copied().unwrap_or(0);
        let (awaited, open) = requests
            .into_iter()
            .map(|(_, request)| Accepted { attempts: sent(&request.id), ..request })
            .partition(|request| sealed.contains(&request.id));
        let mut batches: Vec<_> = self.batches.into_values().collect();
        for batch in &mut batches {
            let open = batch.requests.iter().filter(|id| !batch.answered.contains(id));
            batch.attempts = open.map(|id| (*id, sent(id))).collect();
        }
        batches.sort_by_key(|batch| (batch.sealed_at, batch.key));
        Unfinished { open, batches, awaited }
    }
}
