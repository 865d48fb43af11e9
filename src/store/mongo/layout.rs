//! The database's collections and indexes, and which version of batch-gpt made them.

use batch_gpt_actors::ports::StoreFault;
use mongodb::{
    IndexModel,
    bson::{Document, doc},
    options::IndexOptions,
};

use super::{super::state, AT_START, Mongo};

/// Accepted requests: narrow documents, because a whole batch's change at once. One that is withdrawn before it was
/// ever written is a document of its id and state only.
pub(super) const REQUESTS: &str = "requests";
/// Their bodies.
pub(super) const BODIES: &str = "bodies";
/// Their outcomes.
pub(super) const OUTCOMES: &str = "outcomes";
/// Batches. Those of this gateway have its key as `_id`, those of its clients and of an earlier installation the
/// upstream's.
pub(super) const BATCHES: &str = "batches";
/// The requests of a batch, in the order of its lines.
pub(super) const LINES: &str = "lines";
/// Pieces of what is too long for a document.
pub(super) const PIECES: &str = "pieces";
/// Files that clients made themselves, and whose they are; `_id` is the upstream's.
pub(super) const FILES: &str = "files";
/// What the gateway knows of its own database.
pub(super) const GATEWAY: &str = "batch_gpt";
/// The original's log of statuses, continued.
pub(super) const BATCH_LOGS: &str = "batch_logs";
/// The original's answers.
pub(super) const CACHED_RESPONSES: &str = "cached_responses";

/// The version of this layout.
const VERSION: i32 = 1;

/// Makes the layout, or checks that it is one this program knows.
pub(super) async fn prepare(mongo: &Mongo) -> Result<(), StoreFault> {
    let gateway = mongo.collection(GATEWAY);
    let layout = doc! { "_id": "layout" };
    mongo
        .call(
            gateway.update_one(layout.clone(), doc! { "$setOnInsert": { "version": VERSION } }).upsert(true),
        )
        .await?;
    let found = mongo.call(gateway.find_one(layout)).await?;
    let version = found.and_then(|layout| layout.get_i32("version").ok());
    if version != Some(VERSION) {
        let version = version.map_or_else(|| "unknown".into(), |version| version.to_string());
        return Err(mongo.speaker.damaged(&format!("layout {version}, this one knows {VERSION}")));
    }
    for (collection, indexes) in indexes() {
        let collection = mongo.collection(collection);
        mongo.call_within(AT_START, collection.create_indexes(indexes)).await?;
    }
    Ok(())
}

/// Partial indexes hold unfinished work and batches to list only, so that a start does not pay for what is over. One
/// index holds every request, for a tenant to list its own.
fn indexes() -> [(&'static str, Vec<IndexModel>); 4] {
    let upstream = doc! { "upstream_id": { "$exists": true } };
    let ended_badly = doc! { "fate": { "$exists": true } };
    [
        (
            REQUESTS,
            vec![
                partial(doc! { "seq": 1 }, doc! { "state": { "$lt": state::ANSWERED } }),
                partial(
                    doc! { "fingerprint": 1, "ended_at": -1, "_id": -1 },
                    doc! { "state": state::ANSWERED },
                ),
                partial(doc! { "key": 1, "_id": -1 }, doc! { "key": { "$exists": true } }),
                IndexModel::builder().keys(doc! { "lane.tenant": 1, "_id": -1 }).build(),
                partial(doc! { "fate": 1, "_id": -1 }, ended_badly.clone()),
                partial(doc! { "lane.tenant": 1, "fate": 1, "_id": -1 }, ended_badly),
                partial(doc! { "state": 1, "_id": 1 }, doc! { "state": state::PURGED }),
            ],
        ),
        (
            BATCHES,
            vec![
                partial(doc! { "sealed_at": 1, "_id": 1 }, doc! { "unsettled": true }),
                partial(doc! { "created_at": 1, "_id": 1 }, doc! { "inherited": true }),
                partial(doc! { "settled_at": 1 }, doc! { "spent": { "$exists": true } }),
                partial(doc! { "upstream_id": 1, "sealed_at": -1 }, upstream.clone()),
                partial(doc! { "created_at": -1, "upstream_id": -1 }, upstream.clone()),
                partial(doc! { "tenant": 1, "created_at": -1, "upstream_id": -1 }, upstream),
            ],
        ),
        // The original makes this one, and takes it for granted where the collection is there.
        (BATCH_LOGS, vec![IndexModel::builder().keys(doc! { "batch.id": 1 }).build()]),
        (CACHED_RESPONSES, vec![IndexModel::builder().keys(doc! { "hash": 1 }).build()]),
    ]
}

fn partial(keys: Document, filter: Document) -> IndexModel {
    let options = IndexOptions::builder().partial_filter_expression(filter).build();
    IndexModel::builder().keys(keys).options(options).build()
}
