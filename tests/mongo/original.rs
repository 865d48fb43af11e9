//! A database in which the original batch-gpt was before. Its documents are made here as its driver made them: the
//! fields of Go structs in lower case, a null for every absent one, the shortest integers, times as dates.

use batch_gpt_actors::{
    ports::{Page, Store},
    rules::{
        ids::{BatchId, BatchKey, RequestId},
        lane::Tenant,
        record::Record,
        time::Timestamp,
        upstream_batch::{BatchStatus, UpstreamBatch},
    },
};
use mongodb::{
    Client, Collection,
    bson::{Bson, DateTime, Document, doc},
};

use crate::{
    accepted, lane,
    mongod::{self, Kind},
    open,
};

/// A database of a shared deployment, and a way into it beside the store.
pub(crate) struct Place {
    uri: String,
    name: String,
    client: Client,
}

impl Place {
    pub(crate) async fn new() -> Option<Self> {
        let deployment = mongod::shared(Kind::Open).await?;
        Some(Self {
            uri: deployment.uri.clone(),
            name: mongod::database(),
            client: Client::with_uri_str(&deployment.uri).await.unwrap(),
        })
    }

    pub(crate) fn collection(&self, name: &str) -> Collection<Document> {
        self.client.database(&self.name).collection(name)
    }

    pub(crate) async fn command(&self, command: Document) -> Document {
        let database = self.client.database(&self.name);
        database.run_command(command).await.unwrap()
    }

    async fn logged(&self, batch: Document, timestamp: i64) {
        let entry = doc! { "batch": batch, "timestamp": DateTime::from_millis(timestamp) };
        self.collection("batch_logs").insert_one(entry).await.unwrap();
    }

    pub(crate) async fn open(&self) -> std::sync::Arc<dyn Store> {
        open(&self.uri, &self.name).await.unwrap()
    }
}

/// A status as the original logged it.
fn status(id: &str, created_at: i32, status: &str) -> Document {
    let ended = status == "completed";
    let output = if ended { Bson::from("file-out") } else { Bson::Null };
    doc! {
        "id": id,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "errors": null,
        "inputfileid": "file-in",
        "completionwindow": "24h",
        "status": status,
        "outputfileid": output,
        "errorfileid": null,
        "createdat": created_at,
        "inprogressat": created_at + 5,
        "expiresat": created_at + 86_400,
        "finalizingat": null,
        "completedat": if ended { Bson::from(created_at + 60) } else { Bson::Null },
        "failedat": null,
        "expiredat": null,
        "cancellingat": null,
        "cancelledat": null,
        "requestcounts": { "total": 5, "completed": if ended { 5 } else { 0 }, "failed": 0 },
        "metadata": null,
    }
}

/// The same as the upstream spells it.
fn spelled(id: &str, created_at: i32, status: &str) -> String {
    let (output, completed_at, completed) = match status {
        "completed" => (r#""file-out""#, (created_at + 60).to_string(), 5),
        _ => ("null", "null".into(), 0),
    };
    format!(
        concat!(
            r#"{{"id":"{}","object":"batch","endpoint":"/v1/chat/completions","errors":null,"#,
            r#""input_file_id":"file-in","completion_window":"24h","status":"{}","output_file_id":{},"#,
            r#""error_file_id":null,"created_at":{},"in_progress_at":{},"expires_at":{},"finalizing_at":null,"#,
            r#""completed_at":{},"failed_at":null,"expired_at":null,"cancelling_at":null,"cancelled_at":null,"#,
            r#""request_counts":{{"total":5,"completed":{},"failed":0}},"metadata":null}}"#
        ),
        id,
        status,
        output,
        created_at,
        created_at + 5,
        created_at + 86_400,
        completed_at,
        completed
    )
}

fn value(json: &str) -> serde_json::Value {
    serde_json::from_str(json).unwrap()
}

async fn listed(store: &dyn Store) -> Vec<(String, BatchStatus, bool)> {
    let page = Page { limit: 100, ..Page::default() };
    let listing = store.batches(&page).await.unwrap().unwrap();
    let items = listing.items.into_iter().map(|item| {
        let batch = UpstreamBatch::parse(item.object.get()).unwrap();
        (batch.id.to_string(), batch.status, item.key.is_some())
    });
    items.collect()
}

async fn inherited(store: &dyn Store) -> Vec<String> {
    let batches = store.inherited().await.unwrap();
    batches.into_iter().map(|batch| batch.id.to_string()).collect()
}

/// One batch that ended, one that did not, and one that ended but whose first status was logged once more at the
/// end, as the original did after a restart.
async fn with_history(place: &Place) {
    for (timestamp, word) in [(1_000, "validating"), (2_000, "in_progress"), (3_000, "completed")] {
        place.logged(status("batch_ended", 1_737_600_100, word), timestamp).await;
    }
    for (timestamp, word) in [(4_000, "validating"), (5_000, "in_progress")] {
        place.logged(status("batch_running", 1_737_600_300, word), timestamp).await;
    }
    for (timestamp, word) in [(6_000, "in_progress"), (7_000, "completed"), (8_000, "in_progress")] {
        place.logged(status("batch_stale", 1_737_600_200, word), timestamp).await;
    }
}

#[tokio::test]
async fn batches_of_the_original_are_listed_as_the_upstream_spells_them() {
    let Some(place) = Place::new().await else { return };
    with_history(&place).await;
    let store = place.open().await;
    let expected = [
        ("batch_running".into(), BatchStatus::InProgress, false),
        ("batch_stale".into(), BatchStatus::Completed, false),
        ("batch_ended".into(), BatchStatus::Completed, false),
    ];
    assert_eq!(listed(&*store).await, expected);
    let default = Tenant::anonymous();
    for (id, created_at, word) in
        [("batch_running", 1_737_600_300, "in_progress"), ("batch_ended", 1_737_600_100, "completed")]
    {
        let found = store.batch(Some(&default), &BatchId::from(id)).await.unwrap().unwrap();
        assert_eq!(value(found.object.get()), value(&spelled(id, created_at, word)));
    }
    let other = Tenant("somebody else".into());
    assert!(store.batch(Some(&other), &"batch_ended".into()).await.unwrap().is_none());
    assert_eq!(store.unfinished().await.unwrap(), []);
    store.close().await;
}

#[tokio::test]
async fn own_batches_and_the_originals_share_the_pages() {
    let Some(place) = Place::new().await else { return };
    with_history(&place).await;
    let store = place.open().await;
    let (key, at) = (BatchKey(1), Timestamp(9_000));
    let batch = UpstreamBatch::parse(&spelled("batch_own", 1_737_600_250, "in_progress")).unwrap();
    let sealed = Record::Sealed { key, lane: lane(), requests: [RequestId(1)].into(), at };
    store.append(&[accepted(1), sealed, Record::Created { key, batch, at }]).await.unwrap();
    store.close().await;
    let store = place.open().await;
    let ids: Vec<_> = listed(&*store).await.into_iter().map(|(id, _, own)| (id, own)).collect();
    let expected = ["batch_running", "batch_own", "batch_stale", "batch_ended"];
    assert_eq!(ids, expected.map(|id| (id.to_owned(), id == "batch_own")));
    let page = Page { tenant: None, after: Some("batch_own".into()), limit: 1 };
    let behind = store.batches(&page).await.unwrap().unwrap();
    assert!(behind.items[0].object.get().contains("batch_stale") && behind.has_more);
    assert_eq!(inherited(&*store).await, ["batch_running"], "never its own");
    store.close().await;
}

#[tokio::test]
async fn unfinished_batch_is_inherited_until_it_has_ended() {
    let Some(place) = Place::new().await else { return };
    with_history(&place).await;
    let store = place.open().await;
    let left = store.inherited().await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, "batch_running".into());
    assert_eq!(left[0].input_file, Some("file-in".into()));

    let news = |word: &str| UpstreamBatch::parse(&spelled("batch_running", 1_737_600_300, word)).unwrap();
    store.observe_inherited(&news("finalizing"), Timestamp(9_000)).await.unwrap();
    store.close().await;
    let store = place.open().await;
    let left = store.inherited().await.unwrap();
    assert_eq!(left[0].status, BatchStatus::Finalizing, "as last observed, by whomever");

    for _ in 0..2 {
        store.observe_inherited(&news("completed"), Timestamp(10_000)).await.unwrap();
    }
    assert_eq!(inherited(&*store).await, [""; 0]);
    store.close().await;
    let store = place.open().await;
    assert_eq!(inherited(&*store).await, [""; 0]);
    assert!(listed(&*store).await.contains(&("batch_running".into(), BatchStatus::Completed, false)));
    let chosen = doc! { "batch.id": "batch_running", "batch.status": "completed" };
    assert_eq!(place.collection("batch_logs").count_documents(chosen).await.unwrap(), 1);
    store.close().await;
}

/// Somebody goes back to the original for a while, which goes on with what is in its log.
#[tokio::test]
async fn what_the_original_does_later_is_taken_over_too() {
    let Some(place) = Place::new().await else { return };
    with_history(&place).await;
    place.open().await.close().await;
    let now = DateTime::now().timestamp_millis();
    place.logged(status("batch_running", 1_737_600_300, "completed"), now).await;
    place.logged(status("batch_new", 1_737_600_400, "in_progress"), now).await;
    let store = place.open().await;
    assert_eq!(inherited(&*store).await, ["batch_new"]);
    let first = &listed(&*store).await[0];
    assert_eq!(first, &("batch_new".into(), BatchStatus::InProgress, false));
    store.close().await;
}

#[tokio::test]
async fn entries_that_make_no_sense_are_passed_over() {
    let Some(place) = Place::new().await else { return };
    with_history(&place).await;
    let logs = place.collection("batch_logs");
    let mut nameless = status("", 1, "in_progress");
    let mut spelled = Document::new();
    for (name, value) in status("batch_json", 1_737_600_500, "cancelling") {
        let name = match name.as_str() {
            "createdat" => "created_at".into(),
            "inputfileid" => "input_file_id".into(),
            _ => name,
        };
        spelled.insert(name, value);
    }
    nameless.insert("createdat", "yesterday");
    let entries = [
        doc! {},
        doc! { "batch": null, "timestamp": DateTime::now() },
        doc! { "batch": { "id": 7, "status": "in_progress" }, "timestamp": DateTime::now() },
        doc! { "batch": nameless, "timestamp": DateTime::now() },
        doc! { "batch": { "id": "batch_bare" } },
        doc! { "batch": spelled, "timestamp": DateTime::now() },
    ];
    logs.insert_many(entries).await.unwrap();
    let store = place.open().await;
    assert_eq!(inherited(&*store).await, ["batch_bare", "batch_running", "batch_json"]);
    let json = store.batch(None, &"batch_json".into()).await.unwrap().unwrap();
    let json = UpstreamBatch::parse(json.object.get()).unwrap();
    assert_eq!((json.created_at, json.status), (1_737_600_500, BatchStatus::Cancelling));
    assert_eq!(json.input_file, Some("file-in".into()));
    store.close().await;
}

#[tokio::test]
async fn own_statuses_are_logged_as_the_original_logged_them() {
    let Some(place) = Place::new().await else { return };
    let store = place.open().await;
    let (key, at) = (BatchKey(1), Timestamp(1_737_600_301_000));
    let seen = |word| UpstreamBatch::parse(&spelled("batch_own", 1_737_600_300, word)).unwrap();
    let group = [
        accepted(1),
        Record::Sealed { key, lane: lane(), requests: [RequestId(1)].into(), at },
        Record::Created { key, batch: seen("validating"), at },
        Record::Observed { key, batch: seen("completed"), at },
    ];
    for _ in 0..2 {
        store.append(&group).await.unwrap();
    }
    store.close().await;
    let logs = place.collection("batch_logs");
    assert_eq!(logs.count_documents(doc! {}).await.unwrap(), 2, "each once");
    for word in ["validating", "completed"] {
        let entry = logs.find_one(doc! { "batch.status": word }).await.unwrap().unwrap();
        assert_eq!(entry.get_document("batch").unwrap(), &status("batch_own", 1_737_600_300, word));
        let timestamp = entry.get_datetime("timestamp").unwrap();
        assert_eq!(timestamp.timestamp_millis(), 1_737_600_301_000);
    }
    let indexes = logs.list_index_names().await.unwrap();
    assert!(indexes.contains(&"batch.id_1".into()), "the original takes it for granted: {indexes:?}");
}
