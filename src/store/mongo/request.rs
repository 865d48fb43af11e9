//! One request, and how it stands.

use batch_gpt_actors::{
    ports::{Standing, StoreFault, StoredRequest},
    rules::{ids::RequestId, record::Accepted},
};
use mongodb::bson::doc;
use serde::Deserialize;

use super::{
    super::state,
    Mongo,
    layout::REQUESTS,
    read::stored_outcome,
    row::{RequestRow, fingerprint, request_id, timestamp},
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
    let Some(Standings { row, state }) = mongo.find_one(REQUESTS, own, Default::default()).await? else {
        return Ok(None);
    };
    let request = Accepted {
        id,
        lane: row.lane.into(),
        fingerprint: fingerprint(&row.fingerprint).ok_or_else(|| mongo.cut())?,
        at: timestamp(row.accepted_at),
        attempts: row.attempts,
    };
    let standing = match state {
        state::OPEN => Standing::Open,
        state::SEALED => Standing::Sealed,
        state::ANSWERED => Standing::Answered(stored_outcome(mongo, row.id).await?.outcome),
        state::WITHDRAWN => Standing::Withdrawn,
        _ => return Err(mongo.speaker.damaged("a request in an unknown state")),
    };
    Ok(Some(StoredRequest { request, standing }))
}
