//! The MongoDB store, on a single server or a replica set.
//!
//! Every write waits for a majority and its journal. The server knows no transaction here: a group of records is
//! written in an order in which any beginning of it is sound, and handing it in again completes it.

use std::{
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use batch_gpt_actors::{
    ports::{
        CachedResponse, Listing, Page, RequestPage, RequestSummary, SpentFiles, Store, StoreFault,
        StoredBatch, StoredOutcome, StoredRequest, Swept,
    },
    rules::{
        fingerprint::{Fingerprint, Start},
        idempotency::IdempotencyKey,
        ids::{BatchId, BatchKey, FileId, RequestId},
        lane::Tenant,
        record::Record,
        retention::Due,
        time::Timestamp,
        upstream_batch::UpstreamBatch,
    },
};
use bytes::Bytes;
use mongodb::{
    Client, Collection, Database,
    bson::{Document, doc},
    options::{Acknowledgment, ClientOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern},
};
use tokio::sync::{Mutex, RwLock, RwLockReadGuard};

mod answered;
mod content;
mod fault;
mod history;
mod layout;
mod original;
mod read;
mod request;
mod row;
mod summaries;
mod sweep;
mod update;
mod write;

use fault::Speaker;

/// How long a server that takes writes is looked for. The driver's own 30 s would hide a fault from everybody.
const SELECTION: Duration = Duration::from_secs(5);

/// How long one command may take. A server that stopped answering without closing its connections would hold a
/// writer for ever; whoever is cut off hands the same group in again.
const COMMAND: Duration = Duration::from_secs(60);

/// The same for what a start may have to do once: indexes over an original's years of history, and reading it.
const AT_START: Duration = Duration::from_secs(600);

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// A database of a MongoDB deployment.
pub(super) struct Mongo {
    client: Client,
    database: Database,
    speaker: Speaker,
    owner: String,
    sequence: Sequence,
    /// How far the sweep under way has come.
    sweep: Mutex<sweep::Sweep>,
    /// Whether it was closed; held for reading by whatever is under way.
    closed: RwLock<bool>,
}

/// Opens the store: reaches the server, makes the layout, takes over what an earlier installation left.
pub(super) async fn open(uri: &str, database: &str, owner: &str) -> Result<Mongo, StoreFault> {
    let speaker = Speaker::of(uri);
    let refused = |error: mongodb::error::Error| speaker.fault(&error);
    let mut options = ClientOptions::parse(uri).await.map_err(refused)?;
    options.app_name.get_or_insert_with(|| "batch-gpt".into());
    options.server_selection_timeout.get_or_insert(SELECTION);
    options.connect_timeout.get_or_insert(SELECTION);
    // Not the user's to weaken: what the gateway promises rests on these.
    options.write_concern = Some(durable());
    options.read_concern = Some(ReadConcern::majority());
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    let client = Client::with_options(options).map_err(refused)?;
    let mongo = Mongo {
        database: client.database(database),
        client,
        speaker: speaker.clone(),
        owner: owner.to_owned(),
        sequence: Sequence::default(),
        sweep: Mutex::default(),
        closed: RwLock::new(false),
    };
    mongo.beat().await?;
    layout::prepare(&mongo).await?;
    mongo.sequence.start_behind(read::last_sequence(&mongo).await?);
    history::take_over(&mongo).await?;
    Ok(mongo)
}

fn durable() -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build()
}

/// Numbers that grow with every record written, so that acceptance has an order and an old write that lands late
/// undoes nothing newer. They begin with the time, so that gateways which share a database interleave by age.
#[derive(Default)]
struct Sequence(AtomicI64);

impl Sequence {
    fn start_behind(&self, last: i64) {
        self.0.fetch_max(last, Relaxed);
    }

    fn next(&self) -> i64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let micros = now.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
        let step = |last: i64| last.saturating_add(1).max(micros);
        let last = self.0.fetch_update(Relaxed, Relaxed, |last| Some(step(last)));
        // The closure never declines.
        last.map_or(micros, step)
    }
}

impl Mongo {
    fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }

    /// Makes a call that a silent server cannot hold for ever.
    async fn call<T>(
        &self,
        call: impl IntoFuture<Output = mongodb::error::Result<T>>,
    ) -> Result<T, StoreFault> {
        self.call_within(COMMAND, call).await
    }

    async fn call_within<T>(
        &self,
        limit: Duration,
        call: impl IntoFuture<Output = mongodb::error::Result<T>>,
    ) -> Result<T, StoreFault> {
        match tokio::time::timeout(limit, call.into_future()).await {
            Ok(answer) => answer.map_err(|error| self.speaker.fault(&error)),
            Err(_) => Err(self.speaker.unavailable("it does not answer")),
        }
    }

    /// Keeps the store open while the guard lives.
    async fn enter(&self) -> Result<RwLockReadGuard<'_, bool>, StoreFault> {
        let closed = self.closed.read().await;
        if *closed {
            return Err(StoreFault::Unavailable("it was closed".into()));
        }
        Ok(closed)
    }

    /// Writes anything.
    async fn beat(&self) -> Result<(), StoreFault> {
        let gateway = self.collection(layout::GATEWAY);
        let beat =
            gateway.update_one(doc! { "_id": "pulse" }, doc! { "$inc": { "beats": 1_i64 } }).upsert(true);
        self.call(beat).await.map(drop)
    }
}

#[async_trait]
impl Store for Mongo {
    async fn append(&self, group: &[Record]) -> Result<(), StoreFault> {
        let _open = self.enter().await?;
        write::append(self, group).await
    }

    async fn unfinished(&self) -> Result<Vec<Record>, StoreFault> {
        let _open = self.enter().await?;
        read::unfinished(self).await
    }

    async fn bodies(&self, ids: &[RequestId]) -> Result<Vec<(RequestId, Bytes)>, StoreFault> {
        let _open = self.enter().await?;
        read::bodies(self, ids).await
    }

    async fn request(&self, id: RequestId) -> Result<Option<StoredRequest>, StoreFault> {
        let _open = self.enter().await?;
        request::request(self, id).await
    }

    async fn answer(&self, fingerprint: &Fingerprint) -> Result<Option<StoredOutcome>, StoreFault> {
        let _open = self.enter().await?;
        read::answer(self, fingerprint).await
    }

    async fn reusable(&self, fingerprint: &Fingerprint) -> Result<Option<StoredOutcome>, StoreFault> {
        let _open = self.enter().await?;
        read::reusable(self, fingerprint).await
    }

    async fn answered(&self, after: Option<Start>, limit: usize) -> Result<Vec<Start>, StoreFault> {
        let _open = self.enter().await?;
        answered::answered(self, after, limit).await
    }

    async fn keyed(&self, key: &IdempotencyKey) -> Result<Option<StoredRequest>, StoreFault> {
        let _open = self.enter().await?;
        request::keyed(self, key).await
    }

    async fn summary(&self, id: RequestId) -> Result<Option<RequestSummary>, StoreFault> {
        let _open = self.enter().await?;
        summaries::summary(self, id).await
    }

    async fn summaries(&self, page: &RequestPage) -> Result<Option<Listing<RequestSummary>>, StoreFault> {
        let _open = self.enter().await?;
        summaries::summaries(self, page).await
    }

    async fn lines(
        &self,
        key: BatchKey,
        from: usize,
        limit: usize,
    ) -> Result<Listing<RequestSummary>, StoreFault> {
        let _open = self.enter().await?;
        summaries::lines(self, key, from, limit).await
    }

    async fn batch(&self, tenant: Option<&Tenant>, id: &BatchId) -> Result<Option<StoredBatch>, StoreFault> {
        let _open = self.enter().await?;
        let row = read::batch(self, tenant, id).await?;
        row.map(|row| row.stored(&self.speaker)).transpose()
    }

    async fn batches(&self, page: &Page) -> Result<Option<Listing<StoredBatch>>, StoreFault> {
        let _open = self.enter().await?;
        read::batches(self, page).await
    }

    async fn own_files(&self, tenant: &Tenant, files: &[FileId]) -> Result<Vec<FileId>, StoreFault> {
        let _open = self.enter().await?;
        read::own_files(self, tenant, files).await
    }

    async fn inherited(&self) -> Result<Vec<UpstreamBatch>, StoreFault> {
        let _open = self.enter().await?;
        history::inherited(self).await
    }

    async fn observe_inherited(&self, batch: &UpstreamBatch, at: Timestamp) -> Result<(), StoreFault> {
        let _open = self.enter().await?;
        history::observe(self, batch, at).await
    }

    async fn cache_responses(&self, responses: &[CachedResponse]) -> Result<(), StoreFault> {
        let _open = self.enter().await?;
        history::cache(self, responses).await
    }

    async fn spent_files(&self) -> Result<Vec<SpentFiles>, StoreFault> {
        let _open = self.enter().await?;
        read::spent_files(self).await
    }

    async fn sweep(&self, due: &Due) -> Result<Swept, StoreFault> {
        let _open = self.enter().await?;
        sweep::step(self, due).await
    }

    async fn ping(&self) -> Result<(), StoreFault> {
        let _open = self.enter().await?;
        self.beat().await
    }

    async fn close(&self) {
        let mut closed = self.closed.write().await;
        if std::mem::replace(&mut *closed, true) {
            return;
        }
        let farewell = self.client.clone().shutdown();
        if tokio::time::timeout(FAREWELL, farewell.into_future()).await.is_err() {
            self.client.clone().shutdown().immediate(true).await;
        }
    }
}
