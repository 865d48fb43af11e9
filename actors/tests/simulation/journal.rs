//! The store: in memory, and not always well.

use std::{
    collections::VecDeque,
    panic::resume_unwind,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use batch_gpt_actors::{
    ports::{
        self, Listing, Page, RequestPage, RequestSummary, SpentFiles, Standing, Store, StoredBatch,
        StoredOutcome, StoredRequest, Swept,
    },
    rules::{
        fingerprint::{Fingerprint, Start},
        idempotency::IdempotencyKey,
        ids::{BatchId, BatchKey, FileId, RequestId},
        lane::Tenant,
        record::Record,
        retention::Due,
    },
};
use bytes::Bytes;
use tokio::time::sleep;

use crate::{books::Books, op::StoreFault, world::World};

pub struct Journal {
    world: Arc<World>,
    pub books: Mutex<Books>,
    troubles: Mutex<Troubles>,
}

#[derive(Default)]
struct Troubles {
    down_until: u64,
    faults: VecDeque<StoreFault>,
    pauses: VecDeque<u64>,
}

impl Journal {
    pub fn new(world: Arc<World>) -> Self {
        Self { world, books: Mutex::default(), troubles: Mutex::default() }
    }

    pub fn down_until(&self, time: u64) {
        self.troubles.lock().unwrap().down_until = time;
    }

    pub fn fail(&self, fault: StoreFault) {
        self.troubles.lock().unwrap().faults.push_back(fault);
    }

    pub fn slow(&self, millis: u64) {
        self.troubles.lock().unwrap().pauses.push_back(millis);
    }

    /// No troubles any more.
    pub fn calm(&self) {
        *self.troubles.lock().unwrap() = Troubles::default();
    }

    /// A question's way to the store.
    async fn come(&self) -> Result<(), ports::StoreFault> {
        self.world.trap.pass().await;
        let up = self.world.calendar.now() >= self.troubles.lock().unwrap().down_until;
        if up { Ok(()) } else { Err(unavailable()) }
    }
}

fn unavailable() -> ports::StoreFault {
    ports::StoreFault::Unavailable("so it was ordered".into())
}

#[async_trait]
impl Store for Journal {
    async fn append(&self, group: &[Record]) -> Result<(), ports::StoreFault> {
        let pause = self.troubles.lock().unwrap().pauses.pop_front();
        sleep(Duration::from_millis(pause.unwrap_or(1))).await;
        self.come().await?;
        let fault = self.troubles.lock().unwrap().faults.pop_front();
        let written = match fault {
            Some(StoreFault::Before) => &[],
            Some(StoreFault::Halfway) => &group[..group.len() / 2],
            Some(StoreFault::After | StoreFault::Panic) | None => group,
        };
        for record in written {
            self.books.lock().unwrap().write(record, &self.world);
        }
        self.world.trap.pass().await;
        if fault == Some(StoreFault::Panic) {
            resume_unwind(Box::new("so it was ordered"));
        }
        if fault.is_none() { Ok(()) } else { Err(unavailable()) }
    }

    async fn unfinished(&self) -> Result<Vec<Record>, ports::StoreFault> {
        self.come().await?;
        Ok(self.books.lock().unwrap().records())
    }

    async fn bodies(&self, ids: &[RequestId]) -> Result<Vec<(RequestId, Bytes)>, ports::StoreFault> {
        self.come().await?;
        let books = self.books.lock().unwrap();
        Ok(ids.iter().filter_map(|id| Some((*id, books.request(*id)?.body.clone()))).collect())
    }

    async fn request(&self, id: RequestId) -> Result<Option<StoredRequest>, ports::StoreFault> {
        self.come().await?;
        let books = self.books.lock().unwrap();
        Ok(books.request(id).map(|known| StoredRequest {
            request: known.accepted.clone(),
            standing: books
                .outcome(id)
                .map_or(Standing::Open, |(outcome, _)| Standing::Answered(outcome.clone())),
        }))
    }

    async fn answer(&self, fingerprint: &Fingerprint) -> Result<Option<StoredOutcome>, ports::StoreFault> {
        self.come().await?;
        let books = self.books.lock().unwrap();
        Ok(books.latest(fingerprint).and_then(|id| {
            let (outcome, at) = books.outcome(id)?.clone();
            Some(StoredOutcome { id, outcome, at })
        }))
    }

    async fn reusable(&self, _: &Fingerprint) -> Result<Option<StoredOutcome>, ports::StoreFault> {
        Ok(None)
    }

    async fn answered(&self, after: Option<Start>, limit: usize) -> Result<Vec<Start>, ports::StoreFault> {
        self.come().await?;
        Ok(self.books.lock().unwrap().starts(after, limit))
    }

    async fn keyed(&self, _: &IdempotencyKey) -> Result<Option<StoredRequest>, ports::StoreFault> {
        Ok(None)
    }

    async fn summary(&self, _: RequestId) -> Result<Option<RequestSummary>, ports::StoreFault> {
        Ok(None)
    }

    async fn summaries(&self, _: &RequestPage) -> Result<Option<Listing<RequestSummary>>, ports::StoreFault> {
        Ok(None)
    }

    async fn lines(
        &self,
        _: BatchKey,
        _: usize,
        _: usize,
    ) -> Result<Listing<RequestSummary>, ports::StoreFault> {
        Ok(Listing { items: Vec::new(), has_more: false })
    }

    async fn batch(&self, _: Option<&Tenant>, _: &BatchId) -> Result<Option<StoredBatch>, ports::StoreFault> {
        Ok(None)
    }

    async fn batches(&self, _: &Page) -> Result<Option<Listing<StoredBatch>>, ports::StoreFault> {
        Ok(None)
    }

    async fn own_files(&self, _: &Tenant, _: &[FileId]) -> Result<Vec<FileId>, ports::StoreFault> {
        Ok(Vec::new())
    }

    async fn spent_files(&self) -> Result<Vec<SpentFiles>, ports::StoreFault> {
        self.come().await?;
        Ok(self.books.lock().unwrap().spent_files())
    }

    async fn sweep(&self, _: &Due) -> Result<Swept, ports::StoreFault> {
        Ok(Swept::default())
    }

    async fn ping(&self) -> Result<(), ports::StoreFault> {
        self.come().await
    }

    async fn close(&self) {}
}
