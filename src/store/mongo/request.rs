//! One request, and how it stands.

use batch_gpt_actors::{
    ports::{Standing, StoreFault, StoredRequest},
    rules::{idempotency::IdempotencyKey, ids::RequestId, record::Accepted},
};
use mongodb::{
    bson::{Document, doc},
    options::FindOneOptions,
};
use serde::Deserialize;

use super::{
    super::state,
    Mongo,
    content::binary,
    layout::REQUESTS,
    read::stored_outcome,
    row::{RequestRow, fingerprint, number, request_id, timestamp},
};

#[derive(Deserialize)]
struct Standings {
    #[serde(flatten)]
    row: RequestRow,
    state: i32,
}

/// One request by its id. A document without a body of its own is a withdrawal that came before its request.
pub(super) async fn request(mongo: &Mongo, id: RequestId) -> Result<Option<StoredRequest>, StoreFault> {
    let own = doc! { "_id": request_id(id), "accepted_at": { "$exists": true } };
    find(mongo, own, Default::default()).await
}

/// The latest request with this key that was not withdrawn and has its outcome, if it ended.
pub(super) async fn keyed(mongo: &Mongo, key: &IdempotencyKey) -> Result<Option<StoredRequest>, StoreFault> {
    let such = doc! { "key": binary(key.0), "state": { "$lt": state::WITHDRAWN } };
    find(mongo, such, FindOneOptions::builder().sort(doc! { "_id": -1 }).build()).await
}

async fn find(
    mongo: &Mongo,
    such: Document,
    options: FindOneOptions,
) -> Result<Option<StoredRequest>, StoreFault> {
    let Some(Standings { row, state }) = mongo.find_one(REQUESTS, such, options).await? else {
        return Ok(None);
    };
    let request = Accepted {
        id: number(&row.id).map(RequestId).ok_or_else(|| mongo.cut())?,
        fingerprint: fingerprint(&row.fingerprint).ok_or_else(|| mongo.cut())?,
        at: timestamp(row.accepted_at),
        attempts: row.attempts,
        keeping: row.keeping().ok_or_else(|| mongo.cut())?,
        lane: row.lane.into(),
    };
    let standing = match state {
        state::OPEN => Standing::Open,
        state::SEALED => Standing::Sealed,
        state::ANSWERED => stored_outcome(mongo, row.id)
            .await?
            .map_or(Standing::Removed, |stored| Standing::Answered(stored.outcome)),
        state::WITHDRAWN => Standing::Withdrawn,
        state::PURGED | state::EMPTIED => Standing::Removed,
        _ => return Err(mongo.speaker.damaged("a request in an unknown state")),
    };
    Ok(Some(StoredRequest { request, standing }))
}
