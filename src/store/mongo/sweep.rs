//! What has been kept long enough goes, in steps.
//!
//! No index with a time to live could do it: what may go depends on the request's batch, an outcome goes together with
//! the state of its request, and long content stands in pieces elsewhere. Ids begin with the time, so a sweep walks each
//! collection from its beginning, and stops where nothing that follows can be due.

use std::collections::HashSet;

use batch_gpt_actors::{
    ports::{StoreFault, Swept},
    rules::{
        retention::{Due, Ended, Place, Walk},
        time::Timestamp,
        upstream_batch::UpstreamBatch,
    },
};
use mongodb::{
    bson::{Binary, Bson, DateTime, Document, doc},
    options::FindOptions,
};
use serde::Deserialize;

use super::{
    super::state,
    Mongo,
    content::{self, binary},
    layout::{BATCHES, BODIES, LINES, OUTCOMES, PIECES, REQUESTS},
    row::timestamp,
};

/// Documents that one step looks at.
const DOCUMENTS: i64 = 250;

/// How far a sweep has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Sweep {
    walk: Walk,
    /// The document that was looked at last.
    at: Option<Bson>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "_id")]
    id: Binary,
}

/// A request, as far as it matters here.
#[derive(Deserialize)]
struct RequestRow {
    #[serde(rename = "_id")]
    id: Binary,
    state: i32,
    #[serde(default)]
    accepted_at: Option<DateTime>,
    #[serde(default)]
    ended_at: Option<DateTime>,
    #[serde(default)]
    batch: Option<Binary>,
}

/// A batch, as far as it matters here.
#[derive(Deserialize)]
struct BatchRow {
    #[serde(rename = "_id")]
    id: Bson,
    #[serde(default)]
    native: bool,
    #[serde(default)]
    unsettled: bool,
    #[serde(default)]
    sealed_at: Option<DateTime>,
    #[serde(default)]
    settled_at: Option<DateTime>,
    #[serde(default)]
    observed_at: Option<DateTime>,
    #[serde(default)]
    object: Option<String>,
    #[serde(default)]
    spent: Option<Vec<String>>,
}

/// Content with its pieces, if it has some.
#[derive(Deserialize)]
struct Pieced {
    content: Document,
}

impl RequestRow {
    fn ended(&self, unsettled: &HashSet<Vec<u8>>) -> Ended {
        let at = self.ended_at.filter(|_| self.state >= state::ANSWERED).map(timestamp);
        let place = match &self.batch {
            None => Place::Nowhere,
            // A batch that is gone was settled.
            Some(batch) if unsettled.contains(&batch.bytes) => Place::Unsettled,
            Some(_) => Place::Settled,
        };
        Ended { at, place, purged: self.state == state::PURGED }
    }

    fn began(&self) -> Timestamp {
        self.accepted_at.or(self.ended_at).map_or(Timestamp(0), timestamp)
    }
}

impl BatchRow {
    /// When it ended, if nothing is left to do for it. A client's own has ended when the upstream said so.
    fn ended(&self) -> Option<Timestamp> {
        let at = if self.native {
            let seen = UpstreamBatch::parse(self.object.as_deref().unwrap_or_default());
            self.observed_at.filter(|_| seen.is_ok_and(|batch| batch.status.is_terminal()))
        } else {
            self.settled_at.filter(|_| !self.unsettled)
        };
        at.filter(|_| self.spent.is_none()).map(timestamp)
    }
}

/// Looks at some documents of one walk, and removes those that are due.
pub(super) async fn step(mongo: &Mongo, due: &Due) -> Result<Swept, StoreFault> {
    let mut sweep = mongo.sweep.lock().await;
    let mut swept = Swept::default();
    loop {
        if let Some(end) = sweep.walk.end(due) {
            let rest = match sweep.walk {
                Walk::Batches | Walk::Native => batches(mongo, due, &sweep, end, &mut swept).await?,
                _ => requests(mongo, due, &sweep, end, &mut swept).await?,
            };
            if rest.is_some() {
                sweep.at = rest;
                swept.more = true;
                return Ok(swept);
            }
        }
        match sweep.walk.next() {
            Some(walk) => *sweep = Sweep { walk, at: None },
            None => {
                *sweep = Sweep::default();
                return Ok(swept);
            }
        }
    }
}

/// Some ids of a collection, in their order, behind the one that was looked at last.
async fn ids(
    mongo: &Mongo,
    collection: &str,
    mut such: Document,
    sweep: &Sweep,
) -> Result<Vec<Binary>, StoreFault> {
    if let Some(at) = &sweep.at {
        such.insert("_id", doc! { "$gt": at.clone() });
    }
    let some =
        FindOptions::builder().sort(doc! { "_id": 1 }).limit(DOCUMENTS).projection(doc! { "_id": 1 }).build();
    let found = mongo.find::<Named>(collection, such, some).await?;
    Ok(found.into_iter().map(|named| named.id).collect())
}

async fn requests(
    mongo: &Mongo,
    due: &Due,
    sweep: &Sweep,
    end: Timestamp,
    swept: &mut Swept,
) -> Result<Option<Bson>, StoreFault> {
    let ids = match sweep.walk {
        Walk::Purged => ids(mongo, REQUESTS, doc! { "state": state::PURGED }, sweep).await?,
        Walk::Bodies => ids(mongo, BODIES, doc! {}, sweep).await?,
        Walk::Answers => ids(mongo, OUTCOMES, doc! {}, sweep).await?,
        _ => ids(mongo, REQUESTS, doc! {}, sweep).await?,
    };
    let last = ids.last().filter(|_| ids.len() as i64 == DOCUMENTS).map(|id| Bson::from(id.clone()));
    let rows = rows(mongo, ids).await?;
    let unsettled = unsettled(mongo, &rows).await?;
    let is_over = rows.iter().any(|row| row.began() >= end);
    let such = |row: &&RequestRow| {
        let request = row.ended(&unsettled);
        row.began() < end
            && match sweep.walk {
                Walk::Purged | Walk::Bodies => due.takes_body(&request),
                Walk::Answers => due.takes_answer(&request),
                _ => due.takes_request(&request),
            }
    };
    let gone: Vec<Binary> = rows.iter().filter(such).map(|row| row.id.clone()).collect();
    swept.waits |= sweep.walk == Walk::Purged && gone.len() < rows.len();
    if !gone.is_empty() {
        remove(mongo, sweep.walk, gone, swept).await?;
    }
    Ok(last.filter(|_| !is_over))
}

async fn remove(mongo: &Mongo, walk: Walk, ids: Vec<Binary>, swept: &mut Swept) -> Result<(), StoreFault> {
    let these = doc! { "_id": { "$in": ids } };
    if walk != Walk::Answers {
        swept.bodies += contents(mongo, BODIES, &these).await?;
    }
    if walk != Walk::Bodies {
        // Nobody must find a request answered whose outcome is gone.
        let mut emptied = these.clone();
        emptied.insert("state", doc! { "$in": [state::ANSWERED, state::PURGED] });
        let emptying = doc! { "$set": { "state": state::EMPTIED } };
        mongo.call(mongo.collection(REQUESTS).update_many(emptied, emptying)).await?;
        swept.answers += contents(mongo, OUTCOMES, &these).await?;
    }
    if walk == Walk::Requests {
        swept.requests += delete(mongo, REQUESTS, these).await?;
    }
    Ok(())
}

/// Removes documents with content, and then the pieces that are theirs alone.
async fn contents(mongo: &Mongo, collection: &str, these: &Document) -> Result<usize, StoreFault> {
    let mut long = these.clone();
    long.insert("content.own", true);
    let pieced = mongo.find::<Pieced>(collection, long, FindOptions::default()).await?;
    let gone = delete(mongo, collection, these.clone()).await?;
    for Pieced { content } in pieced {
        if let Some(content::Content::Pieces(names)) = content::get(content.into()) {
            delete(mongo, PIECES, doc! { "_id": { "$in": names } }).await?;
        }
    }
    Ok(gone)
}

async fn delete(mongo: &Mongo, collection: &str, these: Document) -> Result<usize, StoreFault> {
    let deletion = mongo.call(mongo.collection(collection).delete_many(these)).await?;
    Ok(usize::try_from(deletion.deleted_count).unwrap_or(usize::MAX))
}

/// The requests with these ids, in the order of their ids. One that was never written to its end has none.
async fn rows(mongo: &Mongo, ids: Vec<Binary>) -> Result<Vec<RequestRow>, StoreFault> {
    let narrow = doc! { "state": 1, "accepted_at": 1, "ended_at": 1, "batch": 1 };
    let in_order = FindOptions::builder().sort(doc! { "_id": 1 }).projection(narrow).build();
    mongo.find(REQUESTS, doc! { "_id": { "$in": ids } }, in_order).await
}

/// Which of their batches are not settled.
async fn unsettled(mongo: &Mongo, rows: &[RequestRow]) -> Result<HashSet<Vec<u8>>, StoreFault> {
    let mut keys: Vec<&[u8]> =
        rows.iter().filter_map(|row| Some(row.batch.as_ref()?.bytes.as_slice())).collect();
    keys.dedup();
    let keys: Vec<Binary> = keys.into_iter().map(binary).collect();
    let only_ids = FindOptions::builder().projection(doc! { "_id": 1 }).build();
    let such = doc! { "_id": { "$in": keys }, "unsettled": true };
    let found = mongo.find::<Named>(BATCHES, such, only_ids).await?;
    Ok(found.into_iter().map(|batch| batch.id.bytes).collect())
}

/// Batches of this gateway and of its clients. The original's stay.
async fn batches(
    mongo: &Mongo,
    due: &Due,
    sweep: &Sweep,
    end: Timestamp,
    swept: &mut Swept,
) -> Result<Option<Bson>, StoreFault> {
    let mut such = doc! { "owner": { "$exists": true } };
    if sweep.walk == Walk::Native {
        such.insert("native", true);
    } else {
        such.insert("native", doc! { "$exists": false });
    }
    if let Some(at) = &sweep.at {
        such.insert("_id", doc! { "$gt": at.clone() });
    }
    let some = FindOptions::builder().sort(doc! { "_id": 1 }).limit(DOCUMENTS).build();
    let rows = mongo.find::<BatchRow>(BATCHES, such, some).await?;
    let began = |row: &BatchRow| row.sealed_at.map_or(Timestamp(0), timestamp);
    let is_over = rows.iter().any(|row| began(row) >= end);
    let last = rows.last().filter(|_| rows.len() as i64 == DOCUMENTS).map(|row| row.id.clone());
    let gone = rows.iter().filter(|row| began(row) < end && due.takes_batch(row.ended()));
    let gone: Vec<Bson> = gone.map(|row| row.id.clone()).collect();
    if !gone.is_empty() {
        let these = doc! { "_id": { "$in": gone } };
        swept.batches += delete(mongo, BATCHES, these.clone()).await?;
        contents(mongo, LINES, &these).await?;
    }
    Ok(last.filter(|_| !is_over))
}
