//! What the embedded store refuses, and in which words.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration};

use batch_gpt_actors::{
    ports::{Store, StoreFault},
    rules::{
        fingerprint::Fingerprint,
        ids::RequestId,
        lane::{Endpoint, Lane, Tenant},
        record::{Accepted, Record},
        terms::Keeping,
        time::Timestamp,
    },
};
use rusqlite::Connection;

use super::{
    Embedded,
    write::{self, Writer},
};

const FILE: &str = "batch-gpt.sqlite";

async fn open(folder: &Path) -> Result<Embedded, StoreFault> {
    Embedded::open(folder, "gateway").await
}

/// Opens what must be refused for good, and gives the words.
async fn refusal(folder: &Path) -> String {
    match open(folder).await {
        Err(StoreFault::Unusable(words)) => {
            assert!(!words.contains('\n'), "one line: {words}");
            words
        }
        Err(other) => panic!("not for good: {other:?}"),
        Ok(_) => panic!("opened {}", folder.display()),
    }
}

fn accepted(number: u128, bytes: usize) -> Record {
    accepted_for("m", number, bytes)
}

fn accepted_for(model: &str, number: u128, bytes: usize) -> Record {
    Record::Accepted {
        request: Accepted {
            id: RequestId(number),
            lane: Arc::new(Lane {
                tenant: Tenant::anonymous(),
                endpoint: Endpoint::ChatCompletions,
                model: model.into(),
            }),
            fingerprint: Fingerprint([0; 32]),
            at: Timestamp(1),
            attempts: 0,
            keeping: Keeping::default(),
        },
        body: vec![b'x'; bytes].into(),
    }
}

impl Embedded {
    /// Does something with the writer.
    pub(super) fn at_writer(&self, what: impl FnOnce(&mut Writer) + Send + 'static) {
        let threads = self.threads.lock().unwrap();
        let writer = &threads.as_ref().unwrap().writer;
        writer.send(write::Job::With(Box::new(what))).ok().unwrap();
    }
}

async fn ids(store: &Embedded) -> Vec<u128> {
    let records = store.unfinished().await.unwrap();
    let ids = records.into_iter().map(|record| match record {
        Record::Accepted { request, .. } => request.id.0,
        other => panic!("{other:?}"),
    });
    ids.collect()
}

#[tokio::test]
async fn folder_and_files_are_private() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("deep").join("data");
    let store = open(&folder).await.unwrap();
    store.append(&[accepted(1, 1)]).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    assert!(folder.join("batch-gpt.sqlite-wal").exists());
}

#[tokio::test]
async fn second_store_on_a_folder_is_refused_until_the_first_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).await.unwrap();
    let words = refusal(folder.path()).await;
    assert!(words.contains("in use by another batch-gpt"), "{words}");
    assert!(words.contains(folder.path().to_str().unwrap()), "{words}");
    first.append(&[accepted(1, 1)]).await.unwrap();
    first.close().await;
    assert!(matches!(first.ping().await, Err(StoreFault::Unavailable(_))));
    let second = open(folder.path()).await.unwrap();
    assert_eq!(ids(&second).await, [1]);
}

#[tokio::test]
async fn file_in_the_place_of_the_folder_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    fs::write(&folder, "a letter").unwrap();
    let words = refusal(&folder).await;
    assert!(words.contains("a file stands in its way"), "{words}");
    let words = refusal(&folder.join("below")).await;
    assert!(words.contains("a file stands in its way"), "{words}");
    assert_eq!(fs::read(&folder).unwrap(), b"a letter");
}

/// Modes do not bind root, so root is shown a place where nobody can make a folder.
#[tokio::test]
async fn folder_that_cannot_be_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let root = fs::write(folder.path().join("probe"), "").is_ok();
    let words =
        if root { refusal(Path::new("/proc/batch-gpt-data")).await } else { refusal(folder.path()).await };
    assert!(words.contains("cannot be written"), "{words}");
    assert!(words.contains("BATCH_GPT_DATA_DIR"), "{words}");
}

#[tokio::test]
async fn file_that_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let letter = "Dear Sir or Madam, ".repeat(400);
    fs::write(&file, &letter).unwrap();
    let words = refusal(folder.path()).await;
    assert!(words.contains("is not a database"), "{words}");
    assert!(words.contains(FILE), "{words}");
    assert_eq!(fs::read_to_string(&file).unwrap(), letter);
}

#[tokio::test]
async fn database_of_another_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let other = Connection::open(folder.path().join(FILE)).unwrap();
    other.execute_batch("CREATE TABLE letters (text TEXT); INSERT INTO letters VALUES ('dear')").unwrap();
    let words = refusal(folder.path()).await;
    assert!(words.contains("another program"), "{words}");
    let text: String = other.query_row("SELECT text FROM letters", [], |row| row.get(0)).unwrap();
    assert_eq!(text, "dear");
}

#[tokio::test]
async fn newer_layout_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    store.append(&[accepted(1, 1)]).await.unwrap();
    store.close().await;
    let later = Connection::open(folder.path().join(FILE)).unwrap();
    let layout: i32 = later.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    later.pragma_update(None, "user_version", 99).unwrap();
    let words = refusal(folder.path()).await;
    assert!(words.contains("newer batch-gpt (layout 99"), "{words}");
    later.pragma_update(None, "user_version", layout).unwrap();
    drop(later);
    assert_eq!(ids(&open(folder.path()).await.unwrap()).await, [1]);
}

#[tokio::test]
async fn damaged_file_is_reported_and_never_read_as_empty() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    let group: Vec<_> = (0..2_000).map(|number| accepted(number, 200)).collect();
    store.append(&group).await.unwrap();
    store.close().await;
    let file = folder.path().join(FILE);
    let mut bytes = fs::read(&file).unwrap();
    bytes[4096..].fill(0xa5);
    fs::write(&file, bytes).unwrap();
    let fault = match open(folder.path()).await {
        Err(fault) => fault,
        Ok(store) => store.unfinished().await.unwrap_err(),
    };
    assert!(matches!(&fault, StoreFault::Unusable(words) if words.contains("is damaged")), "{fault:?}");
}

#[tokio::test]
async fn full_disk_takes_nothing_halfway_and_works_again_when_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    store.append(&[accepted(1, 10)]).await.unwrap();
    store.at_writer(|Writer { connection, .. }| {
        let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        connection.pragma_update(None, "max_page_count", pages + 2).unwrap();
    });
    // A lane of its own: a row that must not be remembered when it is undone.
    let group = [accepted_for("new", 2, 10), accepted_for("new", 3, 1_000_000)];
    for _ in 0..2 {
        let fault = store.append(&group).await.unwrap_err();
        assert!(
            matches!(&fault, StoreFault::Unavailable(words) if words.contains("disk is full")),
            "{fault:?}"
        );
        assert_eq!(ids(&store).await, [1]);
    }
    store.at_writer(|writer| {
        writer.connection.pragma_update(None, "max_page_count", 1_000_000).unwrap();
    });
    store.append(&group).await.unwrap();
    assert_eq!(ids(&store).await, [1, 2, 3]);
    let bodies = store.bodies(&[RequestId(3)]).await.unwrap();
    assert_eq!(bodies[0].1.len(), 1_000_000);
}

#[tokio::test]
async fn foreign_lock_on_the_file_makes_it_unavailable_while_it_lasts() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    store.at_writer(|writer| writer.connection.busy_timeout(Duration::ZERO).unwrap());
    let shell = Connection::open(folder.path().join(FILE)).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    for fault in [store.append(&[accepted(1, 1)]).await.unwrap_err(), store.ping().await.unwrap_err()] {
        assert!(matches!(&fault, StoreFault::Unavailable(_)), "{fault:?}");
    }
    shell.execute_batch("COMMIT").unwrap();
    store.ping().await.unwrap();
    store.append(&[accepted(1, 1)]).await.unwrap();
    assert_eq!(ids(&store).await, [1]);
}
