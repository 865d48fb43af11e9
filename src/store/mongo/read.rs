//! What the store is asked.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use batch_gpt_actors::{
    ports::{Listing, Page, SpentFiles, StoreFault, StoredBatch, StoredOutcome},
    rules::{
        fingerprint::Fingerprint,
        ids::{BatchId, BatchKey, FileId, RequestId},
        lane::{Lane, Tenant},
        outcome::Outcome,
        record::{Accepted, Record},
        time::Timestamp,
    },
};
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use mongodb::{
    bson::{Binary, Bson, Document, doc},
    options::{FindOneOptions, FindOptions},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    super::{lines, state},
    Mongo,
    content::{self, Content},
    layout::{BATCHES, BODIES, FILES, LINES, OUTCOMES, PIECES, REQUESTS},
    row::{
        BatchRow, ContentRow, OutcomeRow, RequestRow, batch_key, fingerprint, number, request_id, timestamp,
    },
};

/// Ids that one query names.
const IDS: usize = 1_000;

/// The part of `requests` that is not over; its words are those of the index.
fn pending() -> Document {
    doc! { "state": { "$lt": state::ANSWERED } }
}

/// The batches that are not settled, and the order of their index, without which the server would not use it.
fn unsettled() -> (Document, Document) {
    (doc! { "unsettled": true }, doc! { "sealed_at": 1, "_id": 1 })
}

impl Mongo {
    /// All documents of a query.
    pub(super) async fn find<T: DeserializeOwned + Send + Sync + Unpin + 'static>(
        &self,
        collection: &str,
        filter: Document,
        options: FindOptions,
    ) -> Result<Vec<T>, StoreFault> {
        let collection = self.database.collection::<T>(collection);
        let reading = async { collection.find(filter).with_options(options).await?.try_collect().await };
        self.call(reading).await
    }

    /// The first document of a query.
    pub(super) async fn find_one<T: DeserializeOwned + Send + Sync + 'static>(
        &self,
        collection: &str,
        filter: Document,
        options: FindOneOptions,
    ) -> Result<Option<T>, StoreFault> {
        let collection = self.database.collection::<T>(collection);
        self.call(collection.find_one(filter).with_options(options)).await
    }

    pub(super) fn cut(&self) -> StoreFault {
        self.speaker.damaged("an id or content that is cut")
    }

    /// Bytes that stand in a document, or in pieces of their own.
    async fn bytes(&self, content: Bson) -> Result<Bytes, StoreFault> {
        let names = match content::get(content).ok_or_else(|| self.cut())? {
            Content::Whole(bytes) => return Ok(bytes.into()),
            Content::Pieces(names) => names,
        };
        #[derive(Deserialize)]
        struct Piece {
            bytes: Binary,
        }
        let mut whole = BytesMut::new();
        for name in names {
            let piece = self.find_one::<Piece>(PIECES, doc! { "_id": name }, Default::default()).await?;
            whole.extend_from_slice(&piece.ok_or_else(|| self.cut())?.bytes.bytes);
        }
        Ok(whole.freeze())
    }
}

/// The highest number given to what is unfinished.
pub(super) async fn last_sequence(mongo: &Mongo) -> Result<i64, StoreFault> {
    #[derive(Deserialize)]
    struct Numbered {
        #[serde(alias = "revision", default)]
        seq: i64,
    }
    let last_first = FindOneOptions::builder().sort(doc! { "seq": -1 }).build();
    let last = mongo.find_one::<Numbered>(REQUESTS, pending(), last_first).await?;
    let (unsettled, by_age) = unsettled();
    let numbers = FindOptions::builder().sort(by_age).projection(doc! { "revision": 1 }).build();
    let revisions = mongo.find::<Numbered>(BATCHES, unsettled, numbers).await?;
    let last = last.into_iter().chain(revisions).map(|row| row.seq).max();
    Ok(last.unwrap_or(0))
}

/// All unfinished work.
pub(super) async fn unfinished(mongo: &Mongo) -> Result<Vec<Record>, StoreFault> {
    let in_order = FindOptions::builder().sort(doc! { "seq": 1 }).build();
    let mut lanes: HashSet<Arc<Lane>> = HashSet::new();
    let (mut records, mut open) = (Vec::new(), HashSet::new());
    for row in mongo.find::<RequestRow>(REQUESTS, pending(), in_order).await? {
        let keeping = row.keeping().ok_or_else(|| mongo.cut())?;
        let lane = match lanes.get(&row.lane) {
            Some(lane) => lane.clone(),
            None => {
                let lane = Arc::new(row.lane);
                lanes.insert(lane.clone());
                lane
            }
        };
        let request = Accepted {
            id: number(&row.id).map(RequestId).ok_or_else(|| mongo.cut())?,
            lane,
            fingerprint: fingerprint(&row.fingerprint).ok_or_else(|| mongo.cut())?,
            at: timestamp(row.accepted_at),
            attempts: row.attempts,
            keeping,
        };
        open.insert(request.id);
        records.push(Record::Accepted { request, body: Bytes::new() });
    }
    let (unsettled, by_age) = unsettled();
    let by_age = FindOptions::builder().sort(by_age).build();
    for row in mongo.find::<BatchRow>(BATCHES, unsettled, by_age).await? {
        batch_records(mongo, row, &open, &mut records).await?;
    }
    Ok(records)
}

async fn batch_records(
    mongo: &Mongo,
    row: BatchRow,
    open: &HashSet<RequestId>,
    records: &mut Vec<Record>,
) -> Result<(), StoreFault> {
    let (Some(key), Some(lane)) = (row.key(), row.lane.clone()) else {
        return Err(mongo.cut());
    };
    let requests = lines(mongo, key).await?.ok_or_else(|| mongo.cut())?;
    let sealed_at = row.sealed_at.map_or(Timestamp(0), timestamp);
    records.push(Record::Sealed { key, lane, requests: requests.clone(), at: sealed_at });
    if let Some(file) = row.file.as_deref() {
        records.push(Record::Uploaded {
            key,
            file: file.into(),
            at: row.uploaded_at.map_or(sealed_at, timestamp),
        });
    }
    if let Some(batch) = row.upstream(&mongo.speaker)? {
        records.push(Record::Created { key, batch, at: row.observed_at.map_or(sealed_at, timestamp) });
    }
    if let Some(at) = row.cancelled_at {
        records.push(Record::Cancelled { key, at: timestamp(at) });
    }
    let closed: Vec<_> = requests.iter().filter(|id| !open.contains(id)).copied().collect();
    let (mut outcomes, mut at) = (Vec::new(), sealed_at);
    for ids in closed.chunks(IDS) {
        let ids: Vec<_> = ids.iter().copied().map(request_id).collect();
        let without_content = FindOptions::builder().projection(doc! { "content": 0 }).build();
        let ended = doc! { "_id": { "$in": ids } };
        for row in mongo.find::<OutcomeRow>(OUTCOMES, ended, without_content).await? {
            let id = number(&row.id).map(RequestId).ok_or_else(|| mongo.cut())?;
            at = at.max(timestamp(row.at));
            outcomes.push((id, outcome(mongo, &row, Bytes::new())?));
        }
    }
    if !outcomes.is_empty() {
        records.push(Record::Answered { key, outcomes: outcomes.into(), at });
    }
    Ok(())
}

fn outcome(mongo: &Mongo, row: &OutcomeRow, body: Bytes) -> Result<Outcome, StoreFault> {
    Ok(Outcome { status: u16::try_from(row.status).map_err(|_| mongo.cut())?, body, origin: row.origin })
}

/// The requests of a batch, in the order of its lines; `None` if the batch is not there.
pub(super) async fn lines(mongo: &Mongo, key: BatchKey) -> Result<Option<Arc<[RequestId]>>, StoreFault> {
    let own = doc! { "_id": batch_key(key) };
    let Some(row) = mongo.find_one::<ContentRow>(LINES, own, Default::default()).await? else {
        return Ok(None);
    };
    let bytes = mongo.bytes(row.content).await?;
    lines::from_bytes(&bytes).map(Some).ok_or_else(|| mongo.cut())
}

/// Bodies of requests, in the order asked.
pub(super) async fn bodies(mongo: &Mongo, ids: &[RequestId]) -> Result<Vec<(RequestId, Bytes)>, StoreFault> {
    let mut found = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(IDS) {
        let ids: Vec<_> = ids.iter().copied().map(request_id).collect();
        let asked = doc! { "_id": { "$in": ids } };
        for row in mongo.find::<ContentRow>(BODIES, asked, Default::default()).await? {
            let id = number(&row.id).map(RequestId).ok_or_else(|| mongo.cut())?;
            found.insert(id, mongo.bytes(row.content).await?);
        }
    }
    let in_order = ids.iter().filter_map(|id| Some((*id, found.get(id)?.clone())));
    Ok(in_order.collect())
}

/// The latest outcome under a fingerprint.
pub(super) async fn answer(
    mongo: &Mongo,
    fingerprint: &Fingerprint,
) -> Result<Option<StoredOutcome>, StoreFault> {
    latest(mongo, fingerprint, doc! {}).await
}

/// The latest good one that is not private.
pub(super) async fn reusable(
    mongo: &Mongo,
    fingerprint: &Fingerprint,
) -> Result<Option<StoredOutcome>, StoreFault> {
    latest(mongo, fingerprint, doc! { "fate": { "$exists": false }, "private": { "$exists": false } }).await
}

async fn latest(
    mongo: &Mongo,
    fingerprint: &Fingerprint,
    such: Document,
) -> Result<Option<StoredOutcome>, StoreFault> {
    #[derive(Deserialize)]
    struct Answered {
        #[serde(rename = "_id")]
        id: Binary,
    }
    let mut same = doc! { "fingerprint": content::binary(fingerprint.0), "state": state::ANSWERED };
    same.extend(such);
    let latest = FindOneOptions::builder()
        .sort(doc! { "ended_at": -1, "_id": -1 })
        .projection(doc! { "_id": 1 })
        .build();
    let Some(Answered { id }) = mongo.find_one(REQUESTS, same, latest).await? else {
        return Ok(None);
    };
    stored_outcome(mongo, id).await
}

/// The end of a request that has one; nothing if it was removed a moment ago.
pub(super) async fn stored_outcome(mongo: &Mongo, id: Binary) -> Result<Option<StoredOutcome>, StoreFault> {
    let row = mongo.find_one::<OutcomeRow>(OUTCOMES, doc! { "_id": id }, Default::default()).await?;
    let Some(mut row) = row else {
        return Ok(None);
    };
    let content = row.content.take().ok_or_else(|| mongo.cut())?;
    let body = mongo.bytes(content).await?;
    Ok(Some(StoredOutcome {
        id: number(&row.id).map(RequestId).ok_or_else(|| mongo.cut())?,
        outcome: outcome(mongo, &row, body)?,
        at: timestamp(row.at),
    }))
}

/// The files of settled batches that are to be removed upstream, oldest batch first.
pub(super) async fn spent_files(mongo: &Mongo) -> Result<Vec<SpentFiles>, StoreFault> {
    #[derive(Deserialize)]
    struct Spent {
        #[serde(rename = "_id")]
        key: Binary,
        spent: Vec<FileId>,
    }
    let such = doc! { "spent": { "$exists": true } };
    let oldest_first =
        FindOptions::builder().sort(doc! { "settled_at": 1 }).projection(doc! { "spent": 1 }).build();
    let found = mongo.find::<Spent>(BATCHES, such, oldest_first).await?;
    let spent = |row: Spent| {
        let key = number(&row.key).map(BatchKey).ok_or_else(|| mongo.cut())?;
        Ok(SpentFiles { key, files: row.spent })
    };
    found.into_iter().map(spent).collect()
}

/// The part of `batches` that is listed, for a tenant or for everybody; its words are those of the indexes.
fn listed(tenant: Option<&Tenant>) -> Document {
    let mut filter = doc! { "upstream_id": { "$exists": true } };
    if let Some(tenant) = tenant {
        filter.insert("tenant", &*tenant.0);
    }
    filter
}

/// One batch by its upstream id; the youngest, where an upstream gave a name twice.
pub(super) async fn batch(
    mongo: &Mongo,
    tenant: Option<&Tenant>,
    id: &BatchId,
) -> Result<Option<BatchRow>, StoreFault> {
    let mut filter = listed(tenant);
    filter.insert("upstream_id", id.as_str());
    let youngest = FindOneOptions::builder().sort(doc! { "sealed_at": -1 }).build();
    mongo.find_one(BATCHES, filter, youngest).await
}

/// Those of these files that are the tenant's own.
pub(super) async fn own_files(
    mongo: &Mongo,
    tenant: &Tenant,
    files: &[FileId],
) -> Result<Vec<FileId>, StoreFault> {
    #[derive(Deserialize)]
    struct Own {
        #[serde(rename = "_id")]
        id: FileId,
    }
    let mut own = HashSet::new();
    for files in files.chunks(IDS) {
        let ids: Vec<_> = files.iter().map(FileId::as_str).collect();
        let filter = doc! { "_id": { "$in": ids }, "tenant": &*tenant.0 };
        let found = mongo.find::<Own>(FILES, filter, Default::default()).await?;
        own.extend(found.into_iter().map(|file| file.id));
    }
    Ok(files.iter().filter(|file| own.contains(*file)).cloned().collect())
}

/// A page of batches; `None` where its `after` is not there.
pub(super) async fn batches(mongo: &Mongo, page: &Page) -> Result<Option<Listing<StoredBatch>>, StoreFault> {
    let mut filter = listed(page.tenant.as_ref());
    if let Some(after) = &page.after {
        let Some(place) = batch(mongo, page.tenant.as_ref(), after).await? else {
            return Ok(None);
        };
        let created_at = place.created_at.unwrap_or(0);
        // The bound of the index; without it every newer batch would be walked past.
        filter.insert("created_at", doc! { "$lte": created_at });
        filter.insert(
            "$or",
            vec![
                doc! { "created_at": { "$lt": created_at } },
                doc! { "created_at": created_at, "upstream_id": { "$lt": after.as_str() } },
            ],
        );
    }
    // One more than asked tells whether there is more.
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1);
    let newest_first =
        FindOptions::builder().sort(doc! { "created_at": -1, "upstream_id": -1 }).limit(limit).build();
    let mut items = Vec::new();
    for row in mongo.find::<BatchRow>(BATCHES, filter, newest_first).await? {
        items.push(row.stored(&mongo.speaker)?);
    }
    let has_more = items.len() > page.limit;
    items.truncate(page.limit);
    Ok(Some(Listing { items, has_more }))
}
