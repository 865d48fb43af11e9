//! A journal in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use batch_gpt_actors::{
    ports::{
        Listing, Page, RequestPage, RequestSummary, SpentFiles, Standing, Store, StoreFault, StoredBatch,
        StoredOutcome, StoredRequest, Swept,
    },
    rules::{
        fingerprint::{Fingerprint, Start},
        idempotency::IdempotencyKey,
        ids::{BatchId, BatchKey, FileId, RequestId},
        lane::Tenant,
        outcome::Outcome,
        record::{Accepted, Record},
        retention::Due,
    },
};
use bytes::Bytes;

#[derive(Default)]
pub struct MemoryStore {
    pub records: Mutex<Vec<Record>>,
    pub groups: Mutex<Vec<usize>>,
    pub down: AtomicBool,
    /// What each sweep might have removed.
    pub sweeps: Mutex<Vec<Due>>,
    /// A look for a stored outcome takes a minute.
    pub slow: AtomicBool,
}

impl MemoryStore {
    pub fn count(&self, which: impl Fn(&Record) -> bool) -> usize {
        self.records.lock().unwrap().iter().filter(|record| which(record)).count()
    }

    fn works(&self) -> Result<(), StoreFault> {
        if self.down.load(Relaxed) { Err(StoreFault::Unavailable("switched off".into())) } else { Ok(()) }
    }

    /// The latest such request, and its first outcome; whether it is in a batch is not told.
    fn find(&self, such: impl Fn(&Accepted) -> bool) -> Option<StoredRequest> {
        let records = self.records.lock().unwrap();
        let request = records.iter().rev().find_map(|record| match record {
            Record::Accepted { request, .. } if such(request) => Some(request.clone()),
            _ => None,
        })?;
        let outcome = records.iter().find_map(|record| match record {
            Record::Answered { outcomes, .. } => outcomes.iter().find(|(id, _)| *id == request.id),
            _ => None,
        });
        let standing = outcome.map_or(Standing::Open, |(_, outcome)| Standing::Answered(outcome.clone()));
        Some(StoredRequest { request, standing })
    }
}

/// The latest outcome like this of a request like this.
fn latest(records: &[Record], such: impl Fn(&Accepted, &Outcome) -> bool) -> Option<StoredOutcome> {
    let like_this = |(id, outcome): &&(RequestId, Outcome)| {
        records.iter().any(|record| match record {
            Record::Accepted { request, .. } => request.id == *id && such(request, outcome),
            _ => false,
        })
    };
    records.iter().rev().find_map(|record| match record {
        Record::Answered { outcomes, at, .. } => {
            let (id, outcome) = outcomes.iter().find(like_this)?.clone();
            Some(StoredOutcome { id, outcome, at: *at })
        }
        _ => None,
    })
}

#[async_trait]
impl Store for MemoryStore {
    async fn append(&self, group: &[Record]) -> Result<(), StoreFault> {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        self.works()?;
        self.records.lock().unwrap().extend_from_slice(group);
        self.groups.lock().unwrap().push(group.len());
        Ok(())
    }

    async fn unfinished(&self) -> Result<Vec<Record>, StoreFault> {
        self.works()?;
        Ok(self.records.lock().unwrap().clone())
    }

    async fn bodies(&self, ids: &[RequestId]) -> Result<Vec<(RequestId, Bytes)>, StoreFault> {
        self.works()?;
        let records = self.records.lock().unwrap();
        let body = |id: &RequestId| {
            records.iter().find_map(|record| match record {
                Record::Accepted { request, body } if request.id == *id => Some((*id, body.clone())),
                _ => None,
            })
        };
        Ok(ids.iter().filter_map(body).collect())
    }

    async fn request(&self, id: RequestId) -> Result<Option<StoredRequest>, StoreFault> {
        self.works()?;
        Ok(self.find(|request| request.id == id))
    }

    async fn answer(&self, fingerprint: &Fingerprint) -> Result<Option<StoredOutcome>, StoreFault> {
        if self.slow.load(Relaxed) {
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        }
        self.works()?;
        let records = self.records.lock().unwrap();
        Ok(latest(&records, |request, _| request.fingerprint == *fingerprint))
    }

    async fn reusable(&self, fingerprint: &Fingerprint) -> Result<Option<StoredOutcome>, StoreFault> {
        if self.slow.load(Relaxed) {
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        }
        self.works()?;
        let records = self.records.lock().unwrap();
        Ok(latest(&records, |request, outcome| {
            request.fingerprint == *fingerprint && !request.keeping.private && outcome.is_success()
        }))
    }

    async fn answered(&self, after: Option<Start>, limit: usize) -> Result<Vec<Start>, StoreFault> {
        self.works()?;
        let records = self.records.lock().unwrap();
        let all: BTreeSet<Start> = records
            .iter()
            .filter_map(|record| match record {
                Record::Accepted { request, .. } => Some(request.fingerprint.start()),
                _ => None,
            })
            .collect();
        Ok(all.into_iter().filter(|next| after.is_none_or(|after| *next > after)).take(limit).collect())
    }

    async fn keyed(&self, key: &IdempotencyKey) -> Result<Option<StoredRequest>, StoreFault> {
        self.works()?;
        Ok(self.find(|request| request.keeping.key.as_ref() == Some(key)))
    }

    async fn summary(&self, _: RequestId) -> Result<Option<RequestSummary>, StoreFault> {
        Ok(None)
    }

    async fn summaries(&self, _: &RequestPage) -> Result<Option<Listing<RequestSummary>>, StoreFault> {
        Ok(None)
    }

    async fn lines(&self, _: BatchKey, _: usize, _: usize) -> Result<Listing<RequestSummary>, StoreFault> {
        Ok(Listing { items: Vec::new(), has_more: false })
    }

    async fn batch(&self, _: Option<&Tenant>, _: &BatchId) -> Result<Option<StoredBatch>, StoreFault> {
        Ok(None)
    }

    async fn batches(&self, _: &Page) -> Result<Option<Listing<StoredBatch>>, StoreFault> {
        Ok(None)
    }

    async fn own_files(&self, _: &Tenant, _: &[FileId]) -> Result<Vec<FileId>, StoreFault> {
        Ok(Vec::new())
    }

    async fn spent_files(&self) -> Result<Vec<SpentFiles>, StoreFault> {
        self.works()?;
        let mut spent = BTreeMap::new();
        for record in self.records.lock().unwrap().iter() {
            match record {
                Record::Settled { key, spent: files, .. } if !files.is_empty() => {
                    spent.insert(*key, files.to_vec());
                }
                Record::FilesRemoved { key, .. } => drop(spent.remove(key)),
                _ => {}
            }
        }
        Ok(spent.into_iter().map(|(key, files)| SpentFiles { key, files }).collect())
    }

    async fn sweep(&self, due: &Due) -> Result<Swept, StoreFault> {
        self.works()?;
        self.sweeps.lock().unwrap().push(*due);
        Ok(Swept::default())
    }

    async fn ping(&self) -> Result<(), StoreFault> {
        self.works()
    }

    async fn close(&self) {}
}
