//! A journal in memory.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use async_trait::async_trait;
use batch_gpt_actors::{
    ports::{Listing, Page, Store, StoreFault, StoredBatch, StoredOutcome, StoredRequest},
    rules::{
        fingerprint::Fingerprint,
        ids::{BatchId, FileId, RequestId},
        lane::Tenant,
        record::Record,
    },
};
use bytes::Bytes;

#[derive(Default)]
pub struct MemoryStore {
    pub records: Mutex<Vec<Record>>,
    pub groups: Mutex<Vec<usize>>,
    pub down: AtomicBool,
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

    async fn request(&self, _: RequestId) -> Result<Option<StoredRequest>, StoreFault> {
        Ok(None)
    }

    async fn answer(&self, fingerprint: &Fingerprint) -> Result<Option<StoredOutcome>, StoreFault> {
        if self.slow.load(Relaxed) {
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        }
        self.works()?;
        let records = self.records.lock().unwrap();
        let equal = |id: RequestId| {
            records.iter().any(|record| match record {
                Record::Accepted { request, .. } => request.id == id && request.fingerprint == *fingerprint,
                _ => false,
            })
        };
        let stored = records.iter().rev().find_map(|record| match record {
            Record::Answered { outcomes, at, .. } => {
                let (id, outcome) = outcomes.iter().find(|(id, _)| equal(*id))?.clone();
                Some(StoredOutcome { id, outcome, at: *at })
            }
            _ => None,
        });
        Ok(stored)
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

    async fn ping(&self) -> Result<(), StoreFault> {
        self.works()
    }

    async fn close(&self) {}
}
