//! Which requests have been answered, by what makes others equal to them.

use batch_gpt_actors::{ports::StoreFault, rules::fingerprint::Start};
use mongodb::{
    bson::{Binary, doc},
    options::FindOptions,
};
use serde::Deserialize;

use super::{super::state, Mongo, content, layout::REQUESTS, row::fingerprint};

/// A page of starts of fingerprints that have an outcome. One that several requests have may stand there several times.
pub(super) async fn answered(
    mongo: &Mongo,
    after: Option<Start>,
    limit: usize,
) -> Result<Vec<Start>, StoreFault> {
    #[derive(Deserialize)]
    struct Answered {
        fingerprint: Binary,
    }
    let mut filter = doc! { "state": state::ANSWERED };
    if let Some(Start(start)) = after {
        let mut last = [u8::MAX; 32];
        last.iter_mut().zip(start.to_be_bytes()).for_each(|(byte, start)| *byte = start);
        filter.insert("fingerprint", doc! { "$gt": content::binary(last) });
    }
    let page = FindOptions::builder()
        .sort(doc! { "fingerprint": 1, "ended_at": -1, "_id": -1 })
        .projection(doc! { "fingerprint": 1, "_id": 0 })
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .build();
    let rows = mongo.find::<Answered>(REQUESTS, filter, page).await?;
    let start = |row: &Answered| fingerprint(&row.fingerprint).map(|whole| whole.start());
    rows.iter().map(|row| start(row).ok_or_else(|| mongo.cut())).collect()
}
