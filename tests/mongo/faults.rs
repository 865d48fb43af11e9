//! Servers that are away, fail, refuse, or hold something else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use batch_gpt::store::Location;
use batch_gpt_actors::{
    ports::{Store, StoreFault},
    rules::{
        ids::{BatchKey, RequestId},
        outcome::{Origin, Outcome},
        record::Record,
        time::Timestamp,
    },
};
use mongodb::{Client, bson::doc};

use crate::{
    accepted, lane,
    mongod::{self, Kind, PASSWORD, USER},
    open, pending,
};

fn unusable(outcome: Result<Arc<dyn Store>, StoreFault>) -> String {
    match outcome {
        Err(StoreFault::Unusable(words)) => words,
        Err(other) => panic!("not for good: {other:?}"),
        Ok(_) => panic!("it opened"),
    }
}

fn is_unavailable<T>(outcome: &Result<T, StoreFault>) -> bool {
    matches!(outcome, Err(StoreFault::Unavailable(_)))
}

/// Hands a group in again until it is taken, as the gateway does.
async fn insist(store: &dyn Store, group: &[Record]) {
    loop {
        match store.append(group).await {
            Ok(()) => return,
            Err(StoreFault::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn server_that_is_not_there_is_unavailable() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    drop(listener);
    let uri = format!("mongodb://ann:s3cret@{place}/?serverSelectionTimeoutMS=200");
    let fault = open(&uri, "any").await.err().unwrap();
    assert!(matches!(&fault, StoreFault::Unavailable(_)), "{fault:?}");
    let words = fault.to_string();
    assert!(words.contains(&place) && !words.contains("s3cret"), "{words}");
}

#[tokio::test]
async fn nonsense_for_a_connection_string_is_said_without_its_password() {
    for uri in [
        "not a uri",
        "mongo://ann:s3cret@db/",
        "mongodb://ann:s3cret@db:port/",
        "mongodb://ann:s3:cret@db/",
        "mongodb://ann:s3/cret@db/",
        "mongodb://ann:s3?cret@db/",
        "mongodb://ann:s3%cret@db/",
        "mongodb://ann:s3cret@db/?w=-1",
        "mongodb://ann:s3cret@db/?directConnection=maybe",
    ] {
        let words = unusable(open(uri, "any").await);
        assert!(words.contains("MONGODB_URI"), "{uri}: {words}");
        assert!(!words.contains("s3") && !words.contains("cret"), "{uri}: {words}");
    }
}

#[test]
fn location_is_printed_without_its_password() {
    let location = Location::Mongo { uri: "mongodb://ann:s3cret@db/".into(), database: "prompts".into() };
    let printed = format!("{location:?}");
    assert!(printed.contains("prompts") && !printed.contains("s3cret"), "{printed}");
}

#[tokio::test]
async fn stranger_is_refused_for_good() {
    let Some(deployment) = mongod::shared(Kind::Guarded).await else {
        return;
    };
    let (start, place) = deployment.uri.rsplit_once('@').unwrap();
    assert!(!start.contains(USER), "encoded");
    for uri in [
        format!("mongodb://ann:s3cret@{place}"),
        format!("mongodb://{place}"),
        format!("mongodb://batch%20gpt:s3cret@{place}"),
    ] {
        let words = unusable(open(&uri, &mongod::database()).await);
        assert!(words.contains("user and password"), "{words}");
        assert!(!words.contains("s3cret") && !words.contains(PASSWORD), "{words}");
    }
    open(&deployment.uri, &mongod::database()).await.unwrap().close().await;
}

#[tokio::test]
async fn newer_layout_is_refused_and_left_alone() {
    let Some(deployment) = mongod::shared(Kind::Open).await else {
        return;
    };
    let name = mongod::database();
    let store = open(&deployment.uri, &name).await.unwrap();
    store.append(&[accepted(1)]).await.unwrap();
    store.close().await;
    let client = Client::with_uri_str(&deployment.uri).await.unwrap();
    let layout = client.database(&name).collection::<mongodb::bson::Document>("batch_gpt");
    let version = |version: i32| {
        let change = doc! { "$set": { "version": version } };
        layout.update_one(doc! { "_id": "layout" }, change).into_future()
    };
    version(99).await.unwrap();
    let words = unusable(open(&deployment.uri, &name).await);
    assert!(words.contains("layout 99"), "{words}");
    version(1).await.unwrap();
    let store = open(&deployment.uri, &name).await.unwrap();
    assert_eq!(pending(&*store).await, [1]);
    store.close().await;
}

#[tokio::test]
async fn closed_store_says_so() {
    let Some(deployment) = mongod::shared(Kind::Open).await else {
        return;
    };
    let store = open(&deployment.uri, &mongod::database()).await.unwrap();
    store.close().await;
    store.close().await;
    assert!(is_unavailable(&store.append(&[accepted(1)]).await));
    assert!(is_unavailable(&store.ping().await));
    assert!(is_unavailable(&store.unfinished().await));
}

/// An acceptance that was given up may still be on its way when the request is withdrawn.
#[tokio::test]
async fn withdrawal_stands_against_an_acceptance_that_lands_after_it() {
    let Some(deployment) = mongod::shared(Kind::Open).await else {
        return;
    };
    let store = open(&deployment.uri, &mongod::database()).await.unwrap();
    let withdrawn = Record::Withdrawn { id: RequestId(1), at: Timestamp(5) };
    store.append(&[withdrawn]).await.unwrap();
    store.append(&[accepted(1), accepted(2)]).await.unwrap();
    assert_eq!(pending(&*store).await, [2]);
    store.close().await;
}

/// The server's limit is 16 MiB; a batch of a hundred thousand must stay far from it.
#[tokio::test]
async fn no_document_comes_near_the_limit() {
    let Some(deployment) = mongod::shared(Kind::Open).await else {
        return;
    };
    let name = mongod::database();
    let store = open(&deployment.uri, &name).await.unwrap();
    let mut large = accepted(1);
    let Record::Accepted { body, .. } = &mut large else {
        unreachable!("it is one");
    };
    *body = vec![b'x'; 20 << 20].into();
    let outcome = Outcome { status: 200, body: body.clone(), origin: Origin::Upstream };
    let (key, at) = (BatchKey(1), Timestamp(5));
    let sealed = Record::Sealed { key, lane: lane(), requests: (0..100_000).map(RequestId).collect(), at };
    let outcomes = [(RequestId(1), outcome)].into();
    store.append(&[large, sealed, Record::Answered { key, outcomes, at }]).await.unwrap();
    store.close().await;
    let client = Client::with_uri_str(&deployment.uri).await.unwrap();
    let database = client.database(&name);
    for collection in database.list_collection_names().await.unwrap() {
        let largest = doc! { "$group": { "_id": null, "bytes": { "$max": { "$bsonSize": "$$ROOT" } } } };
        let documents = database.collection::<mongodb::bson::Document>(&collection);
        let mut cursor = documents.aggregate([largest]).await.unwrap();
        while cursor.advance().await.unwrap() {
            let bytes = cursor.current().get("bytes").unwrap().unwrap().as_i32().unwrap();
            assert!(bytes < 13 << 20, "{collection}: {bytes}");
        }
    }
}

#[tokio::test]
async fn server_that_went_away_is_waited_for_and_nothing_acknowledged_is_lost() {
    let Some(deployment) = mongod::start(Kind::Open).await else {
        return;
    };
    let uri = format!("{}?serverSelectionTimeoutMS=500", deployment.uri);
    let store = open(&uri, "any").await.unwrap();
    store.append(&[accepted(1)]).await.unwrap();
    deployment.servers(|servers| servers[0].kill());
    for _ in 0..2 {
        assert!(is_unavailable(&store.append(&[accepted(2)]).await));
    }
    assert!(is_unavailable(&store.ping().await));
    assert!(is_unavailable(&store.unfinished().await));
    assert!(is_unavailable(&open(&uri, "any").await));
    deployment.servers(|servers| servers[0].restart());
    insist(&*store, &[accepted(2)]).await;
    store.ping().await.unwrap();
    assert_eq!(pending(&*store).await, [1, 2]);
    store.close().await;
}

/// The primary is killed again and again while eight writers write; whatever was acknowledged is there in the end,
/// once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_primary_loses_nothing() {
    const WRITERS: u64 = 8;
    let Some(deployment) = mongod::start(Kind::ReplicaSet).await else {
        return;
    };
    let store = open(&deployment.uri, "any").await.unwrap();
    let (done, written) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (store, done, written) = (store.clone(), done.clone(), written.clone());
        writers.spawn(async move {
            let mut number = u128::from(writer) << 32;
            while done.load(Relaxed) == 0 {
                let (request, key, at) = (RequestId(number), BatchKey(number), Timestamp(5));
                insist(&*store, &[accepted(number)]).await;
                let sealed = Record::Sealed { key, lane: lane(), requests: [request].into(), at };
                insist(&*store, &[sealed]).await;
                if number % 2 == 1 {
                    let outcome = Outcome { status: 200, body: "an answer".into(), origin: Origin::Upstream };
                    let outcomes = [(request, outcome)].into();
                    let group = [
                        Record::Answered { key, outcomes, at },
                        Record::Settled { key, returned: Arc::new([]), spent: Arc::new([]), at },
                    ];
                    insist(&*store, &group).await;
                }
                number += 1;
                written.fetch_add(1, Relaxed);
            }
            (u128::from(writer) << 32, number)
        });
    }
    for _ in 0..2 {
        let before = written.load(Relaxed);
        while written.load(Relaxed) < before + 50 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let port = deployment.primary().await.unwrap();
        let killed = deployment.servers(|servers| {
            let killed = servers.iter().position(|server| server.port == port).unwrap();
            servers[killed].kill();
            killed
        });
        // Writing goes on under another primary before the killed one comes back.
        let before = written.load(Relaxed);
        while written.load(Relaxed) < before + 50 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        deployment.servers(|servers| servers[killed].restart());
    }
    done.store(1, Relaxed);
    let ranges = writers.join_all().await;
    store.close().await;

    let store = open(&deployment.uri, "any").await.unwrap();
    let records = store.unfinished().await.unwrap();
    let (mut requests, mut batches) = (Vec::new(), Vec::new());
    for record in records {
        match record {
            Record::Accepted { request, .. } => requests.push(request.id.0),
            Record::Sealed { key, .. } => batches.push(key.0),
            other => panic!("{other:?}"),
        }
    }
    requests.sort_unstable();
    batches.sort_unstable();
    // Every second request was answered and its batch settled.
    let mut left: Vec<u128> = ranges.iter().flat_map(|(first, end)| (*first..*end).step_by(2)).collect();
    left.sort_unstable();
    assert_eq!(requests, left);
    assert_eq!(batches, requests);
    store.close().await;
}
