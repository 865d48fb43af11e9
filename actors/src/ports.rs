//! What the application needs of the outside world, as traits.
//!
//! The gateway implements them over HTTP and over a database; tests implement them in memory. Nothing here names
//! a protocol or a driver.

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use serde_json::value::RawValue;

use crate::rules::{
    fault::Fault,
    fingerprint::{Fingerprint, Start},
    idempotency::IdempotencyKey,
    ids::{BatchId, BatchKey, FileId, RequestId},
    lane::{Endpoint, Lane, Tenant},
    lines,
    outcome::Outcome,
    record::{Accepted, Record},
    retention::Due,
    stage::Stage,
    time::Timestamp,
    upstream_batch::UpstreamBatch,
};

/// A file on its way up: its length in bytes and its content, piece by piece.
pub struct Content {
    /// Exact number of bytes that `pieces` will give.
    pub length: u64,
    /// The bytes. The stream ends with a fault where the store could not give a part of them.
    pub pieces: BoxStream<'static, Result<Bytes, StoreFault>>,
}

/// A file on its way down. The stream ends with a fault where the body was cut.
pub type Pieces = BoxStream<'static, Result<Bytes, Fault>>;

/// A file as the upstream lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamFile {
    /// Its id.
    pub id: FileId,
    /// The name it was uploaded under.
    pub name: String,
    /// Unix seconds.
    pub created_at: u64,
}

/// One page of a listing, newest first.
#[derive(Debug, Clone)]
pub struct Listing<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Whether there is more behind the last one.
    pub has_more: bool,
}

/// The Files and Batch API.
#[async_trait]
pub trait Upstream: Send + Sync {
    /// Uploads a batch's lines under `name`.
    async fn upload(&self, name: &str, content: Content) -> Result<FileId, Fault>;
    /// Creates a batch from an uploaded file; `key` goes into its metadata.
    async fn create(&self, file: &FileId, endpoint: Endpoint, key: BatchKey) -> Result<UpstreamBatch, Fault>;
    /// Asks how a batch stands.
    async fn retrieve(&self, id: &BatchId) -> Result<UpstreamBatch, Fault>;
    /// Asks for a batch's cancellation.
    async fn cancel(&self, id: &BatchId) -> Result<UpstreamBatch, Fault>;
    /// Lists batches, newest first, behind `after`.
    async fn list_batches(&self, after: Option<&BatchId>) -> Result<Listing<UpstreamBatch>, Fault>;
    /// Lists files for batches, newest first, behind `after`.
    async fn list_files(&self, after: Option<&FileId>) -> Result<Listing<UpstreamFile>, Fault>;
    /// Downloads a file.
    async fn content(&self, file: &FileId) -> Result<Pieces, Fault>;
    /// Removes a file.
    async fn remove(&self, file: &FileId) -> Result<(), Fault>;
}

/// Room outside of the memory for outcomes that are read and not yet recorded. It is no journal: what is there may be
/// gone at any time, and is then read upstream once more.
pub trait Spills: Send + Sync {
    /// Bytes of one batch's outcomes that are held in memory before any come here.
    fn begins_after(&self) -> usize;
    /// A place for one batch's. It is freed when the last one lets go of it, and by the end of the process.
    fn begin(&self) -> Arc<dyn Spill>;
}

/// The room of one batch.
#[async_trait]
pub trait Spill: Send + Sync {
    /// Writes bodies one behind the other, the first one at `at`. Once polled it goes on by itself; the next one begins
    /// after it has ended.
    async fn put(&self, at: u64, bodies: Vec<Bytes>) -> Result<(), SpillFault>;
    /// Reads what was written in these places, in their order.
    async fn get(&self, places: Vec<Range<u64>>) -> Result<Vec<Bytes>, SpillFault>;
}

/// Why there is no room, or why it does not give back what it took.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SpillFault(pub String);

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreFault {
    /// It cannot be reached or cannot write just now; the same call may go well later.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// It will not work without somebody's help: damaged, of a newer version, taken by another process.
    #[error("{0}")]
    Unusable(String),
}

/// A batch as the store knows it.
#[derive(Debug, Clone)]
pub struct StoredBatch {
    /// Its key, if this gateway made it.
    pub key: Option<BatchKey>,
    /// Whose it is, if a client made it itself.
    pub native: Option<Tenant>,
    /// The upstream's object as last observed.
    pub object: Arc<RawValue>,
}

/// Which batches to list: newest first by `created_at`, then by id.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Only this tenant's; everybody's if `None`.
    pub tenant: Option<Tenant>,
    /// Start behind this batch.
    pub after: Option<BatchId>,
    /// At most this many.
    pub limit: usize,
}

/// A stored end of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOutcome {
    /// The request that got it.
    pub id: RequestId,
    /// Its end.
    pub outcome: Outcome,
    /// When it was recorded.
    pub at: Timestamp,
}

/// A response to a request of the original batch-gpt, as its cache kept it.
#[derive(Debug, Clone)]
pub struct CachedResponse {
    /// SHA-256 of the request, in hexadecimal; the `custom_id` of its line.
    pub hash: String,
    /// The request's body, as it stands in its line.
    pub request: Arc<RawValue>,
    /// The response's body.
    pub response: Arc<RawValue>,
    /// When it was read.
    pub at: Timestamp,
}

/// How a request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Accepted, in no batch.
    Open,
    /// A line of a batch, without an outcome.
    Sealed,
    /// It has its outcome.
    Answered(Outcome),
    /// Dropped before it was in a batch.
    Withdrawn,
    /// It had its end, and what it was is not kept any more.
    Removed,
}

/// What one step of a sweep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Bodies of requests.
    pub bodies: usize,
    /// Their outcomes.
    pub answers: usize,
    /// Requests.
    pub requests: usize,
    /// Batches with their statuses.
    pub batches: usize,
    /// Whether something purged was met that has to wait for its batch.
    pub waits: bool,
    /// Whether the sweep has not come to its end.
    pub more: bool,
}

/// Files upstream that nobody needs any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpentFiles {
    /// The settled batch whose they are.
    pub key: BatchKey,
    /// Which.
    pub files: Vec<FileId>,
}

/// A request as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRequest {
    /// The request.
    pub request: Accepted,
    /// How it stands.
    pub standing: Standing,
}

/// A request without what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSummary {
    /// The request.
    pub id: RequestId,
    /// Where it belongs.
    pub lane: Arc<Lane>,
    /// How far it has come.
    pub stage: Stage,
    /// The batch upstream that it is or was a line of, if it has come that far.
    pub batch: Option<BatchId>,
    /// How often it has been sent upstream without an outcome.
    pub attempts: u32,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When it ended, if it has.
    pub ended_at: Option<Timestamp>,
}

/// Which requests to list: newest first, for ids begin with the time.
#[derive(Debug, Clone, Default)]
pub struct RequestPage {
    /// Only this tenant's; everybody's if `None`.
    pub tenant: Option<Tenant>,
    /// Only those that have come so far and no further.
    pub stage: Option<Stage>,
    /// Start behind this request.
    pub after: Option<RequestId>,
    /// At most this many.
    pub limit: usize,
}

/// The place where the journal lives.
///
/// `append` is called by one writer per batch and may be called by several writers at once. A group is durable when
/// the call returns, and may be handed in again, whole, after a failure: every record is written so that a second
/// time changes nothing. Records of one batch arrive in order.
#[async_trait]
pub trait Store: Send + Sync {
    /// Writes a group of records and makes them durable.
    async fn append(&self, group: &[Record]) -> Result<(), StoreFault>;
    /// The records of all unfinished work, in an order that [`replay`](crate::rules::record::replay) accepts: every
    /// request without an outcome, and every batch not settled with all its requests, how far it came, and which
    /// requests have an outcome (such outcomes may come without their bodies). Bodies of requests are left out.
    async fn unfinished(&self) -> Result<Vec<Record>, StoreFault>;
    /// Bodies of requests, in the order asked; a request that is not there is left out.
    async fn bodies(&self, ids: &[RequestId]) -> Result<Vec<(RequestId, Bytes)>, StoreFault>;
    /// The lines of requests as a batch's file has them, in the order asked; a request that is not there is left out.
    /// They have so many bytes, if all are there.
    async fn compose(&self, ids: &[RequestId], endpoint: Endpoint, bytes: u64) -> Result<Bytes, StoreFault> {
        let mut composed = BytesMut::with_capacity(usize::try_from(bytes).unwrap_or_default());
        for (id, body) in self.bodies(ids).await? {
            lines::write(&mut composed, id, endpoint, &body);
        }
        Ok(composed.freeze())
    }
    /// One request by its id.
    async fn request(&self, id: RequestId) -> Result<Option<StoredRequest>, StoreFault>;
    /// The latest stored outcome of a request with this fingerprint.
    async fn answer(&self, fingerprint: &Fingerprint) -> Result<Option<StoredOutcome>, StoreFault>;
    /// The latest good answer of a request with this fingerprint that is not private.
    async fn reusable(&self, fingerprint: &Fingerprint) -> Result<Option<StoredOutcome>, StoreFault>;
    /// So many starts of fingerprints that have an outcome, in their order, from the first one behind `after` on. One
    /// may come several times, but not in two pages. Fewer than `limit` are the last ones.
    async fn answered(&self, after: Option<Start>, limit: usize) -> Result<Vec<Start>, StoreFault>;
    /// The latest request that goes by this key, was not withdrawn, and whose outcome is kept if it has one.
    async fn keyed(&self, key: &IdempotencyKey) -> Result<Option<StoredRequest>, StoreFault>;
    /// One request by its id, without what it holds.
    async fn summary(&self, id: RequestId) -> Result<Option<RequestSummary>, StoreFault>;
    /// A page of requests; `None` where `after` is not there (for that tenant).
    async fn summaries(&self, page: &RequestPage) -> Result<Option<Listing<RequestSummary>>, StoreFault>;
    /// Requests of a batch that this gateway made, in the order of its lines: at most `limit` of them, those before
    /// line `from` (counted from 0) left out. A batch that is not there has none.
    async fn lines(
        &self,
        key: BatchKey,
        from: usize,
        limit: usize,
    ) -> Result<Listing<RequestSummary>, StoreFault>;
    /// One batch by its upstream id; another tenant's is not there.
    async fn batch(&self, tenant: Option<&Tenant>, id: &BatchId) -> Result<Option<StoredBatch>, StoreFault>;
    /// A page of batches that exist upstream; `None` where `after` is not there (for that tenant).
    async fn batches(&self, page: &Page) -> Result<Option<Listing<StoredBatch>>, StoreFault>;
    /// Those of these files that are the tenant's own, in the order asked.
    async fn own_files(&self, tenant: &Tenant, files: &[FileId]) -> Result<Vec<FileId>, StoreFault>;
    /// Batches that the original batch-gpt began in this very place and had not seen end. It has been in few places,
    /// so a store may know of none.
    async fn inherited(&self) -> Result<Vec<UpstreamBatch>, StoreFault> {
        Ok(Vec::new())
    }
    /// Notes how an inherited batch stands. With a terminal status it is inherited no more, so what is to be kept of
    /// it is kept before.
    async fn observe_inherited(&self, _batch: &UpstreamBatch, _at: Timestamp) -> Result<(), StoreFault> {
        Ok(())
    }
    /// Keeps responses of inherited batches where the original would look for them. The first for a hash stands.
    async fn cache_responses(&self, _responses: &[CachedResponse]) -> Result<(), StoreFault> {
        Ok(())
    }
    /// The files of settled batches of which it is not recorded that they are removed.
    async fn spent_files(&self) -> Result<Vec<SpentFiles>, StoreFault>;
    /// Removes some of what is due: a step so short that records written beside it are not held up. Each step goes on
    /// where the last one stopped, until one says that there is no more; the next one begins again.
    async fn sweep(&self, due: &Due) -> Result<Swept, StoreFault>;
    /// Whether the store can write now.
    async fn ping(&self) -> Result<(), StoreFault>;
    /// Finishes what is under way and lets go of files and connections.
    async fn close(&self);
}

/// Makes 128-bit ids that never come twice, not even from two gateways.
pub trait Ids: Send + Sync {
    /// A new one.
    fn mint(&self) -> u128;
}

/// Ids that begin with the time, so that they sort by age in a database.
#[derive(Debug, Default)]
pub struct TimeOrderedIds;

impl Ids for TimeOrderedIds {
    fn mint(&self) -> u128 {
        uuid::Uuid::now_v7().as_u128()
    }
}
