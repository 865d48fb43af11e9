//! How the store's statements reach the server: none grows with what is over and done, and each write is durable.

use std::sync::Arc;

use batch_gpt_actors::{
    ports::{CachedResponse, Page, RequestPage},
    rules::{
        fingerprint::Fingerprint,
        idempotency::IdempotencyKey,
        ids::{BatchKey, RequestId},
        lane::Tenant,
        outcome::{Origin, Outcome},
        record::Record,
        stage::Stage,
        time::Timestamp,
        upstream_batch::UpstreamBatch,
    },
};
use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};

use serde_json::value::RawValue;

use crate::{
    accepted, lane,
    mongod::{self, Kind},
    open,
    original::Place,
};

/// A batch on its whole way, in groups as a gateway writes them.
fn groups(number: u128) -> [Vec<Record>; 5] {
    let (key, at) = (BatchKey(number), Timestamp(5));
    let object = |status| format!(r#"{{"id":"batch_{number}","status":"{status}","created_at":7}}"#);
    let batch = |status| UpstreamBatch::parse(&object(status)).unwrap();
    let outcome = Outcome { status: 200, body: "an answer".into(), origin: Origin::Upstream };
    let sealed = Record::Sealed { key, lane: lane(), requests: [RequestId(number)].into(), at };
    let uploaded = Record::Uploaded { key, file: "file-in".into(), at };
    let created = Record::Created { key, batch: batch("validating"), at };
    let observed = Record::Observed { key, batch: batch("in_progress"), at };
    let answered = Record::Answered { key, outcomes: [(RequestId(number), outcome)].into(), at };
    [
        vec![accepted(number), accepted(number + 1_000_000)],
        vec![Record::Withdrawn { id: RequestId(number + 1_000_000), at }],
        vec![sealed, uploaded],
        vec![created, observed],
        vec![answered, Record::Settled { key, returned: Arc::new([]), spent: Arc::new([]), at }],
    ]
}

#[tokio::test]
async fn no_statement_walks_a_collection() {
    let Some(place) = Place::new().await else { return };
    let store = place.open().await;
    for number in 0..50 {
        for group in groups(number) {
            store.append(&group).await.unwrap();
        }
    }
    store.close().await;
    // Every statement from here on is written down with its plan.
    place.command(doc! { "profile": 2 }).await;
    let store = place.open().await;
    for number in 50..53 {
        for group in &groups(number)[..number as usize - 48] {
            store.append(group).await.unwrap();
        }
    }
    store.unfinished().await.unwrap();
    store.bodies(&[RequestId(3), RequestId(50)]).await.unwrap();
    assert!(store.answer(&Fingerprint(fingerprint(3))).await.unwrap().is_some());
    for tenant in [None, Some(Tenant::anonymous())] {
        let found = store.batch(tenant.as_ref(), &"batch_3".into()).await.unwrap();
        assert!(found.is_some());
        let page = Page { tenant, after: Some("batch_3".into()), limit: 5 };
        assert_eq!(store.batches(&page).await.unwrap().unwrap().items.len(), 5);
    }
    let reusable = store.reusable(&Fingerprint(fingerprint(3))).await.unwrap();
    assert!(reusable.is_some());
    store.keyed(&IdempotencyKey([7; 32])).await.unwrap();
    assert!(store.summary(RequestId(3)).await.unwrap().is_some());
    // What is pending is few, and sorted.
    let ended = [Stage::Completed, Stage::Failed, Stage::Cancelled, Stage::Withdrawn];
    for tenant in [None, Some(Tenant::anonymous())] {
        for stage in ended.map(Some).into_iter().chain([None]) {
            let page = RequestPage { tenant: tenant.clone(), stage, after: Some(RequestId(50)), limit: 5 };
            store.summaries(&page).await.unwrap().unwrap();
        }
    }
    for number in [3, 50, 52] {
        assert!(store.request(RequestId(number)).await.unwrap().is_some());
    }
    store.inherited().await.unwrap();
    store.ping().await.unwrap();
    store.close().await;
    place.command(doc! { "profile": 0 }).await;
    let profile = place.collection("system.profile");
    let all: Vec<Document> = profile.find(doc! {}).await.unwrap().try_collect().await.unwrap();
    let planned = all.iter().filter(|entry| entry.contains_key("planSummary"));
    assert!(planned.clone().count() > 20, "the profile is there");
    for entry in planned {
        let plan = entry.get_str("planSummary").unwrap();
        assert!(!plan.contains("COLLSCAN"), "{entry}");
        assert!(!entry.contains_key("hasSortStage"), "{entry}");
        for counted in ["keysExamined", "docsExamined"] {
            let examined = entry.get(counted).map_or(0, |count| match count {
                Bson::Int32(count) => i64::from(*count),
                Bson::Int64(count) => *count,
                other => panic!("{counted}: {other}"),
            });
            assert!(examined <= 20, "of 50: {entry}");
        }
    }
}

/// The server counts which concern each write came with.
#[tokio::test]
async fn every_write_waits_for_a_majority() {
    let Some(deployment) = mongod::start(Kind::Open).await else {
        return;
    };
    let store = open(&deployment.uri, "any").await.unwrap();
    for group in groups(1) {
        store.append(&group).await.unwrap();
    }
    let inherited = UpstreamBatch::parse(r#"{"id":"batch_old","status":"in_progress"}"#).unwrap();
    store.observe_inherited(&inherited, Timestamp(5)).await.unwrap();
    let raw: Arc<RawValue> = RawValue::from_string("{}".into()).unwrap().into();
    let cached =
        CachedResponse { hash: "0123".into(), request: raw.clone(), response: raw, at: Timestamp(5) };
    store.cache_responses(&[cached]).await.unwrap();
    store.close().await;
    let status = mongod::command(&deployment.uri, doc! { "serverStatus": 1 }).await.unwrap();
    let counters = status.get_document("opWriteConcernCounters").unwrap();
    for (kind, least) in [("insert", 5), ("update", 10)] {
        let counted = counters.get_document(kind).unwrap();
        assert!(counted.get_i64("wmajority").unwrap() >= least, "{kind}: {counted}");
        assert_eq!(counted.get_i64("none").unwrap(), 0, "{kind}: {counted}");
        assert!(counted.get_document("wnum").unwrap().is_empty(), "{kind}: {counted}");
    }
}

fn fingerprint(number: u128) -> [u8; 32] {
    let Record::Accepted { request, .. } = accepted(number) else {
        unreachable!("it is one");
    };
    request.fingerprint.0
}
