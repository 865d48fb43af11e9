//! Groups of records become documents.

use std::collections::BTreeMap;

use batch_gpt_actors::{
    ports::StoreFault,
    rules::{
        ids::{BatchKey, FileId, RequestId},
        lane::Tenant,
        outcome::{Origin, Outcome},
        record::Record,
        stage::Stage,
        time::Timestamp,
        upstream_batch::UpstreamBatch,
    },
};
use mongodb::{
    bson::{Document, doc},
    error::ErrorKind,
};

use super::{
    super::{lines, state},
    Mongo, content,
    fault::DUPLICATE_KEY,
    layout::{BATCH_LOGS, BATCHES, BODIES, FILES, LINES, OUTCOMES, PIECES, REQUESTS},
    original,
    row::{batch_key, date, request_id, whole},
    update::{Update, by_ids, update},
};

/// What a group of records asks of each collection. The fields are written in this order: what is named is there
/// before what names it, so a group that breaks off leaves nothing that misleads.
#[derive(Default)]
struct Plan {
    pieces: Vec<Document>,
    bodies: Vec<Document>,
    requests: Vec<Document>,
    withdrawn: Vec<Update>,
    lines: Vec<Document>,
    batches: Vec<Document>,
    sealed: Vec<Update>,
    steps: Vec<Update>,
    outcomes: Vec<Document>,
    answered: Vec<Update>,
    purged: Vec<Update>,
    returned: Vec<Update>,
    settled: Vec<Update>,
    files: Vec<Update>,
    native: Vec<Document>,
    seen: Vec<Update>,
    statuses: Vec<Document>,
}

/// Writes a group. What stands there already is left as it is.
pub(super) async fn append(mongo: &Mongo, group: &[Record]) -> Result<(), StoreFault> {
    let mut plan = Plan::default();
    for record in group {
        plan.add(record, mongo);
    }
    insert(mongo, PIECES, plan.pieces).await?;
    insert(mongo, BODIES, plan.bodies).await?;
    insert(mongo, REQUESTS, plan.requests).await?;
    update(mongo, REQUESTS, plan.withdrawn).await?;
    insert(mongo, LINES, plan.lines).await?;
    insert(mongo, BATCHES, plan.batches).await?;
    update(mongo, REQUESTS, plan.sealed).await?;
    update(mongo, BATCHES, plan.steps).await?;
    insert(mongo, OUTCOMES, plan.outcomes).await?;
    update(mongo, REQUESTS, plan.answered).await?;
    update(mongo, REQUESTS, plan.purged).await?;
    update(mongo, REQUESTS, plan.returned).await?;
    update(mongo, BATCHES, plan.settled).await?;
    update(mongo, FILES, plan.files).await?;
    insert(mongo, BATCHES, plan.native).await?;
    update(mongo, BATCHES, plan.seen).await?;
    insert(mongo, BATCH_LOGS, plan.statuses).await
}

impl Plan {
    fn add(&mut self, record: &Record, mongo: &Mongo) {
        match record {
            Record::Accepted { request, body } => {
                let content = content::put(&request_id(request.id), body, &mut self.pieces);
                self.bodies.push(doc! { "_id": request_id(request.id), "content": content });
                let mut row = doc! {
                    "_id": request_id(request.id),
                    "fingerprint": content::binary(request.fingerprint.0),
                    "lane": {
                        "tenant": &*request.lane.tenant.0,
                        "endpoint": request.lane.endpoint.path(),
                        "model": &*request.lane.model,
                    },
                    "accepted_at": date(request.at),
                    "seq": mongo.sequence.next(),
                    "state": state::OPEN,
                };
                if request.keeping.private {
                    row.insert("private", true);
                }
                if let Some(key) = request.keeping.key {
                    row.insert("key", content::binary(key.0));
                }
                self.requests.push(row);
            }
            // It may overtake an acceptance that was given up but is still on its way: a document is made here, so
            // that the acceptance finds its place taken.
            Record::Withdrawn { id, at } => {
                let over = doc! { "$gte": [{ "$ifNull": ["$state", state::OPEN] }, state::ANSWERED] };
                let change = doc! { "$set": {
                    "ended_at": { "$cond": [over.clone(), "$ended_at", date(*at)] },
                    "fate": { "$cond": [over.clone(), "$fate", state::fate::WITHDRAWN] },
                    "state": { "$cond": [over, "$state", state::WITHDRAWN] },
                } };
                self.withdrawn.push(Update {
                    filter: doc! { "_id": request_id(*id) },
                    change: vec![change].into(),
                    upsert: true,
                });
            }
            Record::Sealed { key, lane, requests, at } => {
                let content = content::put(&batch_key(*key), &lines::to_bytes(requests), &mut self.pieces);
                self.lines.push(doc! { "_id": batch_key(*key), "content": content });
                self.batches.push(doc! {
                    "_id": batch_key(*key),
                    "lane": {
                        "tenant": &*lane.tenant.0,
                        "endpoint": lane.endpoint.path(),
                        "model": &*lane.model,
                    },
                    "tenant": &*lane.tenant.0,
                    "sealed_at": date(*at),
                    "requests": whole(requests.len() as u64),
                    "unsettled": true,
                    "owner": &mongo.owner,
                    "lease_until": null,
                });
                let change = doc! { "$set": { "state": state::SEALED, "batch": batch_key(*key) } };
                let pending = doc! { "state": { "$lt": state::ANSWERED } };
                self.sealed.extend(by_ids(requests.iter().copied(), &pending, &change));
                // A cancellation may have been faster than this; its request is a line all the same.
                let over = doc! { "state": { "$gte": state::ANSWERED }, "batch": { "$exists": false } };
                let named = doc! { "$set": { "batch": batch_key(*key) } };
                self.sealed.extend(by_ids(requests.iter().copied(), &over, &named));
            }
            Record::Uploaded { key, file, at } => self.steps.push(Update::new(
                doc! { "_id": batch_key(*key), "upstream_id": { "$exists": false } },
                doc! { "$set": { "file": file.as_str(), "uploaded_at": date(*at) } },
            )),
            // A later status of the same batch stands, should this come a second time.
            Record::Created { key, batch, at } => {
                let news = doc! { "upstream_id": { "$ne": batch.id.as_str() } };
                self.observed(*key, batch, *at, news, mongo);
            }
            Record::Observed { key, batch, at } => self.observed(*key, batch, *at, doc! {}, mongo),
            Record::Answered { outcomes, at, .. } => {
                for (id, outcome) in outcomes.iter() {
                    let content = content::put(&request_id(*id), &outcome.body, &mut self.pieces);
                    let origin = match outcome.origin {
                        Origin::Upstream => "upstream",
                        Origin::Gateway => "gateway",
                    };
                    self.outcomes.push(doc! {
                        "_id": request_id(*id),
                        "status": i32::from(outcome.status),
                        "origin": origin,
                        "at": date(*at),
                        "content": content,
                    });
                }
                self.answered(outcomes, *at);
            }
            Record::Cancelled { key, at } => self.steps.push(Update::new(
                doc! { "_id": batch_key(*key), "cancelled_at": { "$exists": false } },
                doc! { "$set": { "cancelled_at": date(*at) } },
            )),
            Record::Settled { key, returned, spent, at } => {
                self.returned(*key, returned);
                let mut settled = doc! { "settled_at": date(*at) };
                if !spent.is_empty() {
                    let files: Vec<&str> = spent.iter().map(FileId::as_str).collect();
                    settled.insert("spent", files);
                }
                self.settled.push(Update::new(
                    doc! { "_id": batch_key(*key), "unsettled": true },
                    doc! { "$set": settled, "$unset": { "unsettled": 1 } },
                ));
            }
            Record::FilesRemoved { key, .. } => self
                .settled
                .push(Update::new(doc! { "_id": batch_key(*key) }, doc! { "$unset": { "spent": 1 } })),
            Record::Purged { id, .. } => self.purged.push(Update::new(
                doc! { "_id": request_id(*id), "state": { "$gte": state::ANSWERED } },
                doc! { "$set": { "state": state::PURGED } },
            )),
            Record::FileMade { tenant, file, at } => {
                let newer = doc! { "$gt": [date(*at), "$made_at"] };
                let tenant = doc! { "$literal": &*tenant.0 };
                let change = doc! { "$set": {
                    "tenant": { "$cond": [newer, tenant, "$tenant"] },
                    "made_at": { "$max": ["$made_at", date(*at)] },
                } };
                self.files.push(Update {
                    filter: doc! { "_id": file.as_str() },
                    change: vec![change].into(),
                    upsert: true,
                });
            }
            Record::NativeBatch { tenant, batch, at } => self.native_batch(tenant, batch, *at, mongo),
        }
    }

    /// Requests have their end. Those that ended alike change together.
    fn answered(&mut self, outcomes: &[(RequestId, Outcome)], at: Timestamp) {
        let mut by_fate = BTreeMap::<Option<i32>, Vec<RequestId>>::new();
        for (id, outcome) in outcomes {
            by_fate.entry(state::fate::of(Stage::of(outcome))).or_default().push(*id);
        }
        for (fate, ids) in by_fate {
            let ended = doc! { "state": state::ANSWERED, "ended_at": date(at) };
            let change = match fate {
                Some(fate) => {
                    let mut ended = ended;
                    ended.insert("fate", fate);
                    doc! { "$set": ended }
                }
                None => doc! { "$set": ended, "$unset": { "fate": 1 } },
            };
            let has_outcome = [state::ANSWERED, state::PURGED, state::EMPTIED];
            let unanswered = doc! { "state": { "$nin": has_outcome.as_slice() } };
            self.answered.extend(by_ids(ids.into_iter(), &unanswered, &change));
        }
    }

    /// Requests of this batch are open again. Those with as many sendings behind them change together.
    fn returned(&mut self, key: BatchKey, requests: &[(RequestId, u32)]) {
        let mut by_attempts = BTreeMap::<u32, Vec<RequestId>>::new();
        for (id, attempts) in requests {
            by_attempts.entry(*attempts).or_default().push(*id);
        }
        for (attempts, ids) in by_attempts {
            let counted = doc! { "$max": { "attempts": attempts } };
            let pending = doc! { "state": { "$lt": state::ANSWERED } };
            self.returned.extend(by_ids(ids.iter().copied(), &pending, &counted));
            // One that is in another batch by now stays there.
            let open = doc! { "$set": { "state": state::OPEN }, "$unset": { "batch": 1 } };
            let own = doc! { "state": state::SEALED, "batch": batch_key(key) };
            self.returned.extend(by_ids(ids.into_iter(), &own, &open));
        }
    }

    /// It is its client's business, so it is never unsettled, and no start takes it up.
    fn native_batch(&mut self, tenant: &Tenant, batch: &UpstreamBatch, at: Timestamp, mongo: &Mongo) {
        let seen = doc! {
            "created_at": whole(batch.created_at),
            "object": batch.raw.get(),
            "observed_at": date(at),
        };
        let mut made = doc! {
            "_id": batch.id.as_str(),
            "tenant": &*tenant.0,
            "native": true,
            "sealed_at": date(at),
            "upstream_id": batch.id.as_str(),
            "owner": &mongo.owner,
        };
        made.extend(seen.clone());
        self.native.push(made);
        let older = doc! { "_id": batch.id.as_str(), "native": true, "observed_at": { "$lt": date(at) } };
        self.seen.push(Update::new(older, doc! { "$set": seen }));
        self.statuses.push(original::log_entry(batch, at));
    }

    fn observed(
        &mut self,
        key: BatchKey,
        batch: &UpstreamBatch,
        at: Timestamp,
        news: Document,
        mongo: &Mongo,
    ) {
        let revision = mongo.sequence.next();
        let mut filter = doc! { "_id": batch_key(key), "revision": { "$not": { "$gte": revision } } };
        filter.extend(news);
        let change = doc! { "$set": {
            "upstream_id": batch.id.as_str(),
            "created_at": whole(batch.created_at),
            "object": batch.raw.get(),
            "observed_at": date(at),
            "revision": revision,
        } };
        self.steps.push(Update::new(filter, change));
        self.statuses.push(original::log_entry(batch, at));
    }
}

/// Inserts documents. One whose `_id` is taken stands there from an earlier time.
pub(super) async fn insert(
    mongo: &Mongo,
    collection: &str,
    documents: Vec<Document>,
) -> Result<(), StoreFault> {
    if documents.is_empty() {
        return Ok(());
    }
    let collection = mongo.collection(collection);
    let insertion = async {
        match collection.insert_many(documents).ordered(false).await {
            Err(error) if only_duplicates(&error.kind) => Ok(()),
            other => other.map(drop),
        }
    };
    mongo.call(insertion).await
}

fn only_duplicates(kind: &ErrorKind) -> bool {
    let ErrorKind::InsertMany(errors) = kind else {
        return false;
    };
    errors.write_concern_error.is_none()
        && errors.write_errors.iter().flatten().all(|error| error.code == DUPLICATE_KEY)
}
