//! Which requests have been answered, by what makes others equal to them.

use batch_gpt_actors::{ports::StoreFault, rules::fingerprint::Fingerprint};
use mongodb::{
    bson::{Binary, doc},
    options::FindOptions,
};
use serde::Deserialize;

use super::{super::state, Mongo, content, layout::REQUESTS, row::fingerprint};

/// A page of fingerprints that have an outcome. One that several requests have may stand there several times.
pub(super) async fn answered(
    mongo: &Mongo,
    after: Option<&Fingerprint>,
    limit: usize,
) -> Result<Vec<Fingerprint>, StoreFault> {
    #[derive(Deserialize)]
    struct Answered {
        fingerprint: Binary,
    }
    let mut filter = doc! { "state": state::ANSWERED };
    if let Some(Fingerprint(bytes)) = after {
        filter.insert("fingerprint", doc! { "$gt": content::binary(bytes) });
    }
    let page = FindOptions::builder()
        .sort(doc! { "fingerprint": 1, "ended_at": -1, "_id": -1 })
        .projection(doc! { "fingerprint": 1, "_id": 0 })
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .build();
    let rows = mongo.find::<Answered>(REQUESTS, filter, page).await?;
    rows.iter().map(|row| fingerprint(&row.fingerprint).ok_or_else(|| mongo.cut())).collect()
}
