//! Requests without what they hold, one or a page of them.

use std::{collections::HashMap, sync::Arc};

use batch_gpt_actors::{
    ports::{Listing, RequestPage, RequestSummary, StoreFault},
    rules::{
        ids::{BatchId, BatchKey, RequestId},
        lane::{Lane, Tenant},
        stage::Stage,
    },
};
use mongodb::{
    bson::{Binary, DateTime, Document, doc},
    options::{FindOneOptions, FindOptions},
};
use serde::Deserialize;

use super::{
    super::state::{self, fate},
    Mongo,
    layout::{BATCHES, REQUESTS},
    read,
    row::{number, request_id, timestamp},
};

#[derive(Deserialize)]
struct SummaryRow {
    #[serde(rename = "_id")]
    id: Binary,
    lane: Arc<Lane>,
    state: i32,
    #[serde(default)]
    fate: Option<i32>,
    #[serde(default)]
    attempts: u32,
    accepted_at: DateTime,
    #[serde(default)]
    ended_at: Option<DateTime>,
    #[serde(default)]
    batch: Option<Binary>,
}

/// Requests of a tenant, or of anybody. A document without the time of its acceptance is a withdrawal that came before
/// its request.
fn own(tenant: Option<&Tenant>) -> Document {
    let mut filter = doc! { "accepted_at": { "$exists": true } };
    if let Some(tenant) = tenant {
        filter.insert("lane.tenant", &*tenant.0);
    }
    filter
}

/// What holds of requests that have come so far; its words are those of the indexes. What is pending is few, and so is
/// what did not end well; what did is most of the rest.
fn such(stage: Stage) -> Document {
    match stage {
        Stage::Queued => doc! { "state": state::OPEN },
        Stage::InBatch => doc! { "state": state::SEALED },
        Stage::Completed => doc! { "state": { "$gte": state::ANSWERED }, "fate": { "$exists": false } },
        Stage::Failed => doc! { "fate": fate::FAILED },
        Stage::Cancelled => doc! { "fate": fate::CANCELLED },
        Stage::Withdrawn => doc! { "fate": fate::WITHDRAWN },
    }
}

/// One request.
pub(super) async fn summary(mongo: &Mongo, id: RequestId) -> Result<Option<RequestSummary>, StoreFault> {
    let mut filter = own(None);
    filter.insert("_id", request_id(id));
    let Some(row) = mongo.find_one::<SummaryRow>(REQUESTS, filter, Default::default()).await? else {
        return Ok(None);
    };
    Ok(complete(mongo, vec![row]).await?.pop())
}

/// A page of requests; `None` where its `after` is not there.
pub(super) async fn summaries(
    mongo: &Mongo,
    page: &RequestPage,
) -> Result<Option<Listing<RequestSummary>>, StoreFault> {
    let mut filter = own(page.tenant.as_ref());
    if let Some(after) = page.after {
        let mut place = filter.clone();
        place.insert("_id", request_id(after));
        let only_id = FindOneOptions::builder().projection(doc! { "_id": 1 }).build();
        if mongo.find_one::<Document>(REQUESTS, place, only_id).await?.is_none() {
            return Ok(None);
        }
        filter.insert("_id", doc! { "$lt": request_id(after) });
    }
    filter.extend(page.stage.map(such).unwrap_or_default());
    // One more than asked tells whether there is more.
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1);
    let newest_first = FindOptions::builder().sort(doc! { "_id": -1 }).limit(limit).build();
    let mut rows = mongo.find::<SummaryRow>(REQUESTS, filter, newest_first).await?;
    let has_more = rows.len() > page.limit;
    rows.truncate(page.limit);
    Ok(Some(Listing { items: complete(mongo, rows).await?, has_more }))
}

/// Requests of a batch, in the order of its lines.
pub(super) async fn lines(
    mongo: &Mongo,
    key: BatchKey,
    from: usize,
    limit: usize,
) -> Result<Listing<RequestSummary>, StoreFault> {
    let requests = read::lines(mongo, key).await?.unwrap_or_default();
    let wanted = requests.get(from..).unwrap_or_default();
    let has_more = wanted.len() > limit;
    let wanted = &wanted[..wanted.len().min(limit)];
    let ids: Vec<Binary> = wanted.iter().copied().map(request_id).collect();
    let mut filter = own(None);
    filter.insert("_id", doc! { "$in": ids });
    let rows = mongo.find::<SummaryRow>(REQUESTS, filter, FindOptions::default()).await?;
    let found = complete(mongo, rows).await?.into_iter();
    let mut found: HashMap<RequestId, RequestSummary> = found.map(|item| (item.id, item)).collect();
    Ok(Listing { items: wanted.iter().filter_map(|id| found.remove(id)).collect(), has_more })
}

/// Adds the names that the upstream gave the batches.
async fn complete(mongo: &Mongo, rows: Vec<SummaryRow>) -> Result<Vec<RequestSummary>, StoreFault> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "_id")]
        id: Binary,
        #[serde(default)]
        upstream_id: Option<BatchId>,
    }
    let keys: Vec<Binary> = rows.iter().filter_map(|row| row.batch.clone()).collect();
    let mut batches = HashMap::new();
    if !keys.is_empty() {
        let names = FindOptions::builder().projection(doc! { "upstream_id": 1 }).build();
        let named = mongo.find::<Named>(BATCHES, doc! { "_id": { "$in": keys } }, names).await?;
        batches.extend(named.into_iter().filter_map(|batch| Some((batch.id.bytes, batch.upstream_id?))));
    }
    let summary = |row: SummaryRow| {
        let unknown = || mongo.speaker.damaged("a request in an unknown state");
        Ok(RequestSummary {
            id: number(&row.id).map(RequestId).ok_or_else(|| mongo.cut())?,
            lane: row.lane,
            stage: state::stage(row.state, row.fate).ok_or_else(unknown)?,
            batch: row.batch.and_then(|key| batches.get(&key.bytes).cloned()),
            attempts: row.attempts,
            accepted_at: timestamp(row.accepted_at),
            ended_at: row.ended_at.map(timestamp),
        })
    };
    rows.into_iter().map(summary).collect()
}
