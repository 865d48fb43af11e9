//! Places that cannot be used at the start.

use std::fs;

use rusqlite::Connection;

use crate::{
    gateway::{NOWHERE, contents, furnish, furnished, gateway, refusal},
    mounted::Mounted,
};

const FILE: &str = "batch-gpt.sqlite";

#[test]
fn file_in_the_place_of_the_folder() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    fs::write(&data, "a letter").unwrap();
    let line = refusal(&data);
    assert!(line.contains("a file stands in its way"), "{line}");
    assert!(line.contains(data.to_str().unwrap()), "{line}");
    assert_eq!(fs::read(&data).unwrap(), b"a letter");
}

#[test]
fn folder_that_cannot_be_written() {
    let Some(place) = Mounted::new("size=4m") else {
        return;
    };
    place.remount("ro");
    let line = refusal(&place.path().join("data"));
    assert!(line.contains("cannot be written"), "{line}");
    place.remount("rw");
    let data = place.path().join("data");
    furnish(&data);
    let before = contents(&data);
    place.remount("ro");
    let line = refusal(&data);
    assert!(line.contains("cannot be written"), "{line}");
    assert_eq!(contents(&data), before);
    place.remount("rw");
    furnished(&data);
}

#[test]
fn file_that_is_no_database() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join(FILE), "Dear Sir or Madam, ".repeat(400)).unwrap();
    let before = fs::read(data.path().join(FILE)).unwrap();
    let line = refusal(data.path());
    assert!(line.contains("is not a database"), "{line}");
    assert_eq!(fs::read(data.path().join(FILE)).unwrap(), before);
}

/// The head of the file is good, so that it opens; only its tables are not.
#[test]
fn damaged_database() {
    let data = tempfile::tempdir().unwrap();
    furnish(data.path());
    let file = data.path().join(FILE);
    // What is in the log comes into the file, so that the damage is not covered by it.
    Connection::open(&file).unwrap().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let database = Connection::open(&file).unwrap();
    let root: u32 = database
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'requests_pending'", [], |row| row.get(0))
        .unwrap();
    drop(database);
    let page = (root as usize - 1) * 4096..root as usize * 4096;
    bytes[page.clone()].fill(0xa5);
    fs::write(&file, &bytes).unwrap();
    let line = refusal(data.path());
    assert!(line.contains("is damaged"), "{line}");
    let after = fs::read(&file).unwrap();
    assert_eq!(after.len(), bytes.len());
    assert_eq!(after[page.clone()], bytes[page]);
}

#[test]
fn newer_layout() {
    let data = tempfile::tempdir().unwrap();
    furnish(data.path());
    let version = |version: i32| {
        let database = Connection::open(data.path().join(FILE)).unwrap();
        database.pragma_update(None, "user_version", version).unwrap();
    };
    let database = Connection::open(data.path().join(FILE)).unwrap();
    let known: i32 = database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    drop(database);
    version(99);
    let before = contents(data.path());
    let line = refusal(data.path());
    assert!(line.contains("newer batch-gpt (layout 99"), "{line}");
    assert_eq!(contents(data.path()), before);
    version(known);
    furnished(data.path());
}

#[test]
fn folder_in_use_by_another_gateway() {
    let data = tempfile::tempdir().unwrap();
    furnish(data.path());
    let logs = tempfile::tempdir().unwrap();
    let mut serve = gateway(NOWHERE, data.path());
    let first = batch_gpt_rig::running::Running::start(&mut serve, &logs.path().join("first.log")).unwrap();
    let line = refusal(data.path());
    assert!(line.contains("in use by another batch-gpt"), "{line}");
    assert!(!first.said().contains("store failed"), "{}", first.said());
    first.kill().unwrap();
    furnished(data.path());
}
