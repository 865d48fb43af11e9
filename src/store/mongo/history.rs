//! What the original batch-gpt left in the database: its batches are listed, and its unfinished ones are finished.
//!
//! Its log is read once per start and becomes documents of `batches`, so that a listing has one source.

use batch_gpt_actors::{
    ports::{CachedResponse, StoreFault},
    rules::{lane::Tenant, time::Timestamp, upstream_batch::UpstreamBatch},
};
use futures_util::TryStreamExt;
use mongodb::{
    bson::{DateTime, Document, doc, oid::ObjectId},
    options::FindOptions,
};
use serde::Deserialize;

use super::{
    AT_START, Mongo,
    layout::{BATCH_LOGS, BATCHES, CACHED_RESPONSES, GATEWAY},
    original::{self, WRITER},
    row::{BatchRow, date, whole},
    write::insert,
};

/// Entries this much older than the last take-over are read again: clocks differ, and the original may have run
/// beside this gateway for a while.
const OVERLAP_MS: i64 = 24 * 60 * 60 * 1000;

/// Longest document of an answer; the original did not keep longer ones either.
const LONGEST: usize = 15 << 20;

/// The latest entry of a batch in the original's log.
#[derive(Deserialize)]
struct Latest {
    latest: Entry,
}

#[derive(Deserialize)]
struct Entry {
    batch: Document,
    timestamp: DateTime,
}

/// Makes documents of `batches` from the entries of the log that are not this gateway's.
pub(super) async fn take_over(mongo: &Mongo) -> Result<(), StoreFault> {
    let started = DateTime::now();
    let entries = foreign(mongo).await?;
    for Latest { latest } in entries {
        if let Some(batch) = original::batch_object(&latest.batch) {
            adopt(mongo, &batch, latest.timestamp).await?;
        }
    }
    let gateway = mongo.collection(GATEWAY);
    let noted = doc! { "$set": { "taken_over_at": started } };
    let note = gateway.update_one(doc! { "_id": "history" }, noted).upsert(true);
    mongo.call(note).await.map(drop)
}

/// The latest entry of each batch. A terminal status is the latest whatever came after it: the original logged the
/// status it had started from once more when it had finished a batch.
async fn foreign(mongo: &Mongo) -> Result<Vec<Latest>, StoreFault> {
    let history = mongo.call(mongo.collection(GATEWAY).find_one(doc! { "_id": "history" })).await?;
    let since = history.and_then(|history| history.get_datetime("taken_over_at").ok().copied());
    let mut chosen = doc! { WRITER: { "$exists": false }, "batch.id": { "$type": "string" } };
    if let Some(since) = since {
        let second = since.timestamp_millis().saturating_sub(OVERLAP_MS) / 1000;
        let mut id = [0; 12];
        id[..4].copy_from_slice(&u32::try_from(second).unwrap_or(0).to_be_bytes());
        chosen.insert("_id", doc! { "$gte": ObjectId::from_bytes(id) });
    }
    let timed = doc! { "$eq": [{ "$type": "$timestamp" }, "date"] };
    let timestamp = doc! { "$cond": [timed, "$timestamp", DateTime::from_millis(0)] };
    let over = doc! { "$in": ["$batch.status", ["completed", "failed", "expired", "cancelled"]] };
    let pipeline = [
        doc! { "$match": chosen },
        // Documents compare member by member, so this is the latest of the terminal ones, or of all.
        doc! { "$group": {
            "_id": "$batch.id",
            "latest": { "$max": { "over": over, "timestamp": timestamp, "batch": "$batch" } },
        } },
    ];
    let logs = mongo.collection(BATCH_LOGS);
    let reading = async {
        let cursor = logs.aggregate(pipeline).allow_disk_use(true).with_type::<Latest>().await?;
        cursor.try_collect().await
    };
    mongo.call_within(AT_START, reading).await
}

/// Makes or renews the document of a batch that is not this gateway's own.
async fn adopt(mongo: &Mongo, batch: &UpstreamBatch, seen_at: DateTime) -> Result<(), StoreFault> {
    let batches = mongo.collection(BATCHES);
    let own = doc! { "upstream_id": batch.id.as_str(), "owner": { "$exists": true } };
    if mongo.call(batches.find_one(own)).await?.is_some() {
        return Ok(());
    }
    let known = mongo.call(batches.find_one(doc! { "_id": batch.id.as_str() })).await?;
    if let Some(known) = known {
        let over = !known.contains_key("inherited");
        let newer = known.get_datetime("observed_at").is_ok_and(|known| *known >= seen_at);
        if newer || over {
            return Ok(());
        }
    }
    renew(mongo, batch, seen_at).await
}

async fn renew(mongo: &Mongo, batch: &UpstreamBatch, seen_at: DateTime) -> Result<(), StoreFault> {
    let mut change = doc! { "$set": {
        "upstream_id": batch.id.as_str(),
        "tenant": &*Tenant::anonymous().0,
        "created_at": whole(batch.created_at),
        "object": batch.raw.get(),
        "observed_at": seen_at,
    } };
    if batch.status.is_terminal() {
        change.insert("$unset", doc! { "inherited": 1 });
    } else if let Ok(set) = change.get_document_mut("$set") {
        set.insert("inherited", true);
    }
    let batches = mongo.collection(BATCHES);
    let renewal = batches.update_one(doc! { "_id": batch.id.as_str() }, change).upsert(true);
    mongo.call(renewal).await.map(drop)
}

/// Batches of the original that had not ended when it was last seen.
pub(super) async fn inherited(mongo: &Mongo) -> Result<Vec<UpstreamBatch>, StoreFault> {
    let oldest_first = FindOptions::builder().sort(doc! { "created_at": 1, "_id": 1 }).build();
    let rows: Vec<BatchRow> = mongo.find(BATCHES, doc! { "inherited": true }, oldest_first).await?;
    let batches = rows.iter().map(|row| row.upstream(&mongo.speaker));
    batches.filter_map(Result::transpose).collect()
}

/// Notes how an inherited batch stands.
pub(super) async fn observe(mongo: &Mongo, batch: &UpstreamBatch, at: Timestamp) -> Result<(), StoreFault> {
    insert(mongo, BATCH_LOGS, vec![original::log_entry(batch, at)]).await?;
    renew(mongo, batch, date(at)).await
}

/// Keeps responses where the original would look for them.
pub(super) async fn cache(mongo: &Mongo, responses: &[CachedResponse]) -> Result<(), StoreFault> {
    let collection = mongo.collection(CACHED_RESPONSES);
    for response in responses {
        let document = original::cached_response(
            &response.hash,
            response.request.get(),
            response.response.get(),
            date(response.at),
        );
        let short = document.filter(|document| document.to_vec().is_ok_and(|bytes| bytes.len() <= LONGEST));
        let Some(document) = short else {
            log::warn!("the response to {} does not fit a document and is not kept", response.hash);
            continue;
        };
        let first = doc! { "$setOnInsert": document };
        let keeping = collection.update_one(doc! { "hash": &response.hash }, first).upsert(true);
        mongo.call(keeping).await?;
    }
    Ok(())
}
