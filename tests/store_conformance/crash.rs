//! A process killed in the middle of its writing.
//!
//! The writer is this very program, started again with a place in its environment.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use batch_gpt::store::{self, Location};
use batch_gpt_actors::rules::{
    ids::{BatchKey, RequestId},
    record::{Progress, Record, Unfinished},
};

use crate::{
    home::Home,
    journal::{accepted, answered, body, created, lane, object, outcome, sealed, unfinished},
};

const PLACE: &str = "BATCH_GPT_TEST_CRASH_PLACE";
const START: &str = "BATCH_GPT_TEST_CRASH_START";
const ACKNOWLEDGED: &str = "acknowledged ";
const REQUESTS: u128 = 20;

/// Everything about one batch in one group: accepted, sealed, created, half answered.
fn group(number: u128) -> Vec<Record> {
    let lane = lane("ann", "m");
    let ids = number * REQUESTS..(number + 1) * REQUESTS;
    let mut group: Vec<_> = ids.clone().map(|id| accepted(id, &lane)).collect();
    group.push(sealed(number, &lane, ids.clone()));
    group.push(created(number, object(&format!("batch_{number}"), 1, "in_progress")));
    let half = ids.take(REQUESTS as usize / 2);
    group.push(answered(number, half.map(|id| (id, outcome("an answer"))), 60));
    group
}

/// A location for the environment, and back.
fn to_words(location: &Location) -> String {
    match location {
        Location::Embedded { folder } => format!("embedded {}", folder.display()),
        Location::Mongo { uri, database } => format!("mongo {uri} {database}"),
    }
}

fn from_words(words: &str) -> Location {
    match words.split_once(' ').unwrap() {
        ("embedded", folder) => Location::Embedded { folder: folder.into() },
        (_, place) => {
            let (uri, database) = place.split_once(' ').unwrap();
            Location::Mongo { uri: uri.into(), database: database.into() }
        }
    }
}

/// The writer that is killed; nothing at all when the suite itself runs.
#[tokio::test]
async fn writer() {
    let (Ok(place), Ok(start)) = (env::var(PLACE), env::var(START)) else {
        return;
    };
    let store = store::open(&from_words(&place), "gateway").await.unwrap();
    for number in start.parse::<u128>().unwrap().. {
        store.append(&group(number)).await.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{ACKNOWLEDGED}{number}").unwrap();
        out.flush().unwrap();
    }
}

/// Lets a writer write from group `start` on, kills it after `wanted` acknowledgements, and gives the first group
/// that was not acknowledged.
fn write_and_kill(location: &Location, start: u128, wanted: usize) -> u128 {
    let mut writer = Command::new(env::current_exe().unwrap())
        .args(["--exact", "crash::writer", "--nocapture"])
        .env(PLACE, to_words(location))
        .env(START, start.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let numbers = lines
        .filter_map(|line| line.unwrap().strip_prefix(ACKNOWLEDGED).map(|number| number.parse().unwrap()));
    let (mut seen, mut next) = (0, start);
    // What was written to the pipe before the kill is still read after it.
    for number in numbers {
        let number: u128 = number;
        assert_eq!(number, next);
        next = number + 1;
        seen += 1;
        if seen == wanted {
            writer.kill().unwrap();
        }
    }
    assert!(seen >= wanted, "the writer ended by itself");
    writer.wait().unwrap();
    next
}

fn is_whole(unfinished: &Unfinished, number: u128) -> bool {
    let Some(batch) = unfinished.batches.iter().find(|batch| batch.key == BatchKey(number)) else {
        return false;
    };
    let awaited = unfinished.awaited.iter().filter(|request| request.id.0 / REQUESTS == number);
    batch.requests.len() == REQUESTS as usize
        && batch.answered.len() == REQUESTS as usize / 2
        && matches!(batch.progress, Progress::Created(_))
        && awaited.count() == REQUESTS as usize / 2
}

pub(crate) async fn acknowledged_groups_survive_a_kill<H: Home>(home: H) {
    let mut next = 0;
    for wanted in [1, 40, 7] {
        let location = home.location();
        next = tokio::task::spawn_blocking(move || write_and_kill(&location, next, wanted)).await.unwrap();
        let store = home.open().await;
        let found = unfinished(&*store).await;
        for number in 0..next {
            assert!(is_whole(&found, number), "group {number} of {next}");
        }
        if H::ATOMIC {
            let trace =
                found.open.iter().chain(&found.awaited).any(|request| request.id.0 / REQUESTS == next);
            assert!(!trace || is_whole(&found, next), "group {next} is there by half");
        }
        // The gateway hands in again what was not acknowledged.
        store.append(&group(next)).await.unwrap();
        let found = unfinished(&*store).await;
        assert!(is_whole(&found, next));
        assert!(found.open.is_empty());
        assert_eq!(found.batches.len() as u128, next + 1);
        let ids: Vec<_> = (0..(next + 1) * REQUESTS).map(RequestId).collect();
        let bodies = store.bodies(&ids).await.unwrap();
        assert!(bodies.iter().map(|(id, _)| id).eq(&ids));
        assert!(bodies.iter().all(|(id, read)| *read == body(id.0)));
        store.close().await;
        next += 1;
    }
}
