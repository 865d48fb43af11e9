//! Answers are found wherever they stand.

use std::{ops::Range, path::Path, sync::Arc};

use batch_gpt_actors::{
    ports::Store,
    rules::{
        fingerprint::{Fingerprint, Start},
        ids::{BatchKey, RequestId},
        lane::{Endpoint, Lane, Tenant},
        outcome::{Origin, Outcome},
        record::{Accepted, Record},
        retention::Retention,
        terms::Keeping,
        time::{Millis, Timestamp},
    },
};

use super::{super::Embedded, *};

/// Answers of a group.
const GROUP: u128 = 100;

/// Every second number shares the start of the one before it.
fn fingerprint(number: u128) -> Fingerprint {
    let mut bytes = [0; 32];
    let (start, rest) = bytes.split_at_mut(8);
    start.copy_from_slice(&((number / 2) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    rest[..16].copy_from_slice(&number.to_be_bytes());
    Fingerprint(bytes)
}

/// A group of requests, all of them answered at a time by a body that names it.
fn answered(first: u128, at: u64, status: u16) -> Vec<Record> {
    let lane = Arc::new(Lane {
        tenant: Tenant::anonymous(),
        endpoint: Endpoint::ChatCompletions,
        model: "m".into(),
    });
    let ids = first..first + GROUP;
    let request = |number: u128| Accepted {
        id: RequestId(u128::from(at) << 64 | number),
        lane: lane.clone(),
        fingerprint: fingerprint(number),
        at: Timestamp(at),
        attempts: 0,
        keeping: Keeping::default(),
    };
    let outcome = |number: u128| Outcome {
        status,
        body: format!("{{\"number\":{number},\"at\":{at}}}").into(),
        origin: Origin::Upstream,
    };
    let outcomes = ids.clone().map(|number| (request(number).id, outcome(number))).collect();
    let accepted = ids.map(|number| Record::Accepted { request: request(number), body: "{}".into() });
    let answered = Record::Answered { key: BatchKey(first), outcomes, at: Timestamp(at) };
    accepted.chain([answered]).collect()
}

/// One that files as soon as there are a few.
async fn open(folder: &Path) -> Embedded {
    let store = Embedded::open(folder, "gateway").await.unwrap();
    store.at_writer(|writer| (writer.filing.many, writer.filing.slice) = (250, 60));
    store
}

/// Groups that were answered well.
async fn append(store: &Embedded, groups: Range<u128>, at: u64) {
    for group in groups {
        store.append(&answered(group * GROUP, at, 200)).await.unwrap();
    }
}

/// The body under the fingerprint of a number.
async fn told(store: &Embedded, number: u128) -> Option<String> {
    let stored = store.answer(&fingerprint(number)).await.unwrap();
    stored.map(|stored| String::from_utf8(stored.outcome.body.to_vec()).unwrap())
}

/// Every one of the first so many is answered by the latest, and no other.
async fn is_whole(store: &Embedded, count: u128, at: u64) {
    for number in 0..count {
        let expected = format!("{{\"number\":{number},\"at\":{at}}}");
        assert_eq!(told(store, number).await.as_deref(), Some(&*expected));
    }
    assert_eq!(told(store, count).await, None);
    let (mut starts, mut after) = (Vec::new(), None);
    loop {
        let page = store.answered(after, 7).await.unwrap();
        starts.extend_from_slice(&page);
        after = page.last().copied();
        if page.len() < 7 {
            break;
        }
    }
    let mut expected: Vec<Start> = (0..count).step_by(2).map(|number| fingerprint(number).start()).collect();
    expected.sort_unstable();
    assert_eq!(starts, expected);
}

/// Rows of both tables that are such.
async fn rows(store: &Embedded, such: &str) -> (i64, i64) {
    let count = format!(
        "SELECT (SELECT count(*) FROM answers WHERE {such}), (SELECT count(*) FROM fresh_answers WHERE {such})"
    );
    let counts = store
        .read(move |connection| Ok(connection.query_row(&count, [], |row| Ok((row.get(0)?, row.get(1)?)))?));
    counts.await.unwrap()
}

/// Rows of both tables.
async fn counts(store: &Embedded) -> (i64, i64) {
    rows(store, "true").await
}

/// Those whose request has no answer any more.
async fn stale(store: &Embedded) -> (i64, i64) {
    rows(store, "NOT EXISTS (SELECT 1 FROM requests WHERE seq = request AND state = 2)").await
}

#[tokio::test]
async fn answers_are_found_wherever_they_stand_and_after_every_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).await;
    let mut seen = Vec::new();
    for group in 0..12 {
        store.append(&answered(group * GROUP, 5, 200)).await.unwrap();
        is_whole(&store, (group + 1) * GROUP, 5).await;
        seen.push(counts(&store).await);
        if group % 3 == 0 {
            store.close().await;
            store = open(folder.path()).await;
            is_whole(&store, (group + 1) * GROUP, 5).await;
        }
    }
    assert!(seen.iter().any(|(filed, logged)| *filed >= 600 && *logged < 600), "{seen:?}");
    assert!(seen.iter().zip(1..).all(|((filed, logged), group)| filed + logged >= group * 100), "{seen:?}");
    store.close().await;
}

#[tokio::test]
async fn the_latest_counts_out_of_both_places() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    // Three groups are many: the next commit files two of them, and the one after it the third.
    for (group, at, latest, expected) in [
        (0, 7, 7, (0, 100)),
        (1, 7, 7, (0, 200)),
        (2, 7, 7, (0, 300)),
        (0, 9, 9, (200, 400)),
        (0, 8, 9, (300, 200)),
    ] {
        store.append(&answered(group * GROUP, at, 200)).await.unwrap();
        assert_eq!(counts(&store).await, expected);
        for number in 0..GROUP {
            let expected = format!("{{\"number\":{number},\"at\":{latest}}}");
            assert_eq!(told(&store, number).await, Some(expected));
        }
    }
}

#[tokio::test]
async fn a_failure_is_an_answer_and_not_to_be_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for (group, at, status) in [(0, 5, 200), (0, 6, 400), (1, 5, 200), (2, 5, 200)] {
        store.append(&answered(group * GROUP, at, status)).await.unwrap();
    }
    let reusable = store.reusable(&fingerprint(3)).await.unwrap().unwrap();
    assert_eq!(reusable.at, Timestamp(5));
    assert_eq!(store.answer(&fingerprint(3)).await.unwrap().unwrap().at, Timestamp(6));
}

#[tokio::test]
async fn what_is_swept_is_found_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    append(&store, 0..6, 5).await;
    let day = Some(Millis::from_secs(86_400));
    let due = Retention { bodies: day, answers: day, statuses: day }.due(Timestamp(1 << 40));
    while Store::sweep(&store, &due).await.unwrap().more {}
    assert_eq!(counts(&store).await.0, 0);
    assert_eq!(told(&store, 3).await, None);
    assert_eq!(store.answered(None, 7).await.unwrap(), []);
    // Nothing of it is filed later.
    append(&store, 10..18, 1 << 41).await;
    assert!(counts(&store).await.0 <= 800);
    assert_eq!(told(&store, 3).await, None);
    assert_eq!(store.answered(None, 2_000).await.unwrap().len(), 400);
    assert_eq!(stale(&store).await, (0, 0));
}

#[tokio::test]
async fn what_is_purged_is_found_nowhere_and_its_entry_goes_with_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    append(&store, 0..4, 5).await;
    assert_eq!(counts(&store).await, (200, 400), "some filed, some being filed, some young");
    let numbers: Vec<u128> = (0..4 * GROUP).step_by(10).collect();
    let purged = numbers.iter().map(|number| RequestId(5 << 64 | number));
    let purged: Vec<_> = purged.map(|id| Record::Purged { id, at: Timestamp(6) }).collect();
    store.append(&purged).await.unwrap();
    for number in &numbers {
        assert_eq!(told(&store, *number).await, None);
        assert!(told(&store, number + 1).await.is_some(), "{number}");
    }
    let due = Retention::default().due(Timestamp(1 << 40));
    while Store::sweep(&store, &due).await.unwrap().more {}
    append(&store, 10..18, 7).await;
    assert_eq!(stale(&store).await, (0, 0));
    for number in &numbers {
        assert_eq!(told(&store, *number).await, None);
        assert!(told(&store, number + 1).await.is_some(), "{number}");
    }
}

#[tokio::test]
async fn private_answers_are_skipped_in_both_places() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for (at, private) in [(5, false), (6, true), (7, false), (8, true), (9, true)] {
        let mut group = answered(0, at, 200);
        for record in &mut group {
            if let Record::Accepted { request, .. } = record {
                request.keeping.private = private;
            }
        }
        store.append(&group).await.unwrap();
        for number in 0..GROUP {
            let reusable = store.reusable(&fingerprint(number)).await.unwrap().unwrap();
            assert_eq!(reusable.at, Timestamp(if at < 7 { 5 } else { 7 }));
            assert_eq!(store.answer(&fingerprint(number)).await.unwrap().unwrap().at, Timestamp(at));
        }
    }
    assert_ne!(counts(&store).await.0, 0, "some of them were filed");
}

#[tokio::test]
async fn what_could_not_be_filed_is_filed_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    append(&store, 0..3, 5).await;
    store.at_writer(|writer| {
        let failed = writer.transact(|commit| {
            commit.filing.file(commit.transaction)?;
            assert_ne!(commit.filing.change.filed, 0);
            Err::<(), _>(Failure::Damaged("on purpose".into()))
        });
        assert!(failed.is_err());
    });
    is_whole(&store, 3 * GROUP, 5).await;
    assert_eq!(counts(&store).await, (0, 300));
    append(&store, 3..5, 5).await;
    assert_eq!(counts(&store).await, (300, 200));
    is_whole(&store, 5 * GROUP, 5).await;
}

#[tokio::test]
async fn what_was_undone_is_not_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.at_writer(|writer| {
        let failed = writer.transact(|commit| {
            commit.filing.add(commit.transaction, Entry { start: 1, ended_at: 5, row: 9 })?;
            Err::<(), _>(Failure::Damaged("on purpose".into()))
        });
        assert!(failed.is_err());
    });
    store.append(&answered(0, 5, 200)).await.unwrap();
    is_whole(&store, GROUP, 5).await;
    assert_eq!(counts(&store).await, (0, 100));
}
