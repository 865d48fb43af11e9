//! What is kept long enough goes, and nothing else.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use batch_gpt_actors::{
    ports::{RequestPage, SpentFiles, Standing, Store, Swept},
    rules::{
        idempotency::IdempotencyKey,
        ids::{BatchId, BatchKey, FileId, RequestId},
        lane::Tenant,
        outcome::Outcome,
        record::{Accepted, Record},
        retention::{Due, Ended, Place, Retention},
        stage::Stage,
        terms::Keeping,
        time::{Millis, Timestamp},
        upstream_batch::UpstreamBatch,
    },
};
use bytes::Bytes;

use crate::{home::Home, journal::*};

const DAY: Millis = Millis::from_secs(86_400);

/// Long after everything in these tests has ended.
const LATE: Timestamp = Timestamp(1_800_000_000_000);

fn everything() -> Due {
    Retention { bodies: Some(DAY), answers: Some(DAY), statuses: Some(DAY) }.due(LATE)
}

fn purges_only() -> Due {
    Retention::default().due(LATE)
}

/// Sweeps to the end. Returns what went.
async fn sweep(store: &dyn Store, due: &Due) -> Swept {
    let mut sum = Swept::default();
    loop {
        let step = store.sweep(due).await.unwrap();
        sum.bodies += step.bodies;
        sum.answers += step.answers;
        sum.requests += step.requests;
        sum.batches += step.batches;
        sum.waits |= step.waits;
        if !step.more {
            return sum;
        }
    }
}

async fn body_of(store: &dyn Store, number: u128) -> Option<Bytes> {
    store.bodies(&[RequestId(number)]).await.unwrap().pop().map(|(_, body)| body)
}

async fn standing(store: &dyn Store, number: u128) -> Option<Standing> {
    store.request(RequestId(number)).await.unwrap().map(|stored| stored.standing)
}

async fn is_listed(store: &dyn Store, number: u128) -> bool {
    store.summary(RequestId(number)).await.unwrap().is_some()
}

/// What a journal says of its requests and batches, as far as retention goes.
#[derive(Default)]
struct Known {
    ended: HashMap<RequestId, (Timestamp, Option<Outcome>)>,
    batch: HashMap<RequestId, BatchKey>,
    settled: HashMap<BatchKey, Timestamp>,
    requests: Vec<RequestId>,
    batches: Vec<BatchKey>,
}

impl Known {
    fn of(records: &[Record]) -> Self {
        let mut known = Self::default();
        for record in records {
            match record {
                Record::Accepted { request, .. } => known.requests.push(request.id),
                Record::Withdrawn { id, at } => drop(known.ended.insert(*id, (*at, None))),
                Record::Sealed { key, requests, .. } => {
                    known.batches.push(*key);
                    known.batch.extend(requests.iter().map(|id| (*id, *key)));
                }
                Record::Answered { outcomes, at, .. } => {
                    let ended = outcomes.iter().map(|(id, outcome)| (*id, (*at, Some(outcome.clone()))));
                    known.ended.extend(ended);
                }
                Record::Settled { key, returned, at, .. } => {
                    known.settled.insert(*key, *at);
                    for (id, _) in returned.iter() {
                        known.batch.remove(id);
                    }
                }
                _ => {}
            }
        }
        known
    }

    fn request(&self, id: &RequestId) -> Ended {
        let place = match self.batch.get(id) {
            None => Place::Nowhere,
            Some(key) if self.settled.contains_key(key) => Place::Settled,
            Some(_) => Place::Unsettled,
        };
        Ended { at: self.ended.get(id).map(|(at, _)| *at), place, purged: false }
    }
}

/// Each part of each request is there or gone as the rule says, and a restart finds what it found before.
pub(crate) async fn what_is_kept_long_enough_goes_and_nothing_else(home: impl Home) {
    let store = home.open().await;
    let records = journal(7, 1, 1_500);
    store.append(&records).await.unwrap();
    let known = Known::of(&records);
    let before = unfinished(&*store).await;
    let middle = |record: usize| Timestamp(1_700_001_000_000 + record as u64);
    let limits = [
        Retention { bodies: Some(DAY), ..Retention::default() }.due(middle(500) + DAY),
        Retention { bodies: Some(DAY), answers: Some(DAY), statuses: None }.due(middle(700) + DAY),
        Retention { bodies: Some(DAY), answers: Some(DAY), statuses: Some(DAY) }.due(middle(1_000) + DAY),
    ];
    for (round, due) in limits.into_iter().enumerate() {
        let swept = sweep(&*store, &due).await;
        assert!(swept.bodies > 0, "round {round}: {swept:?}");
        assert_eq!(sweep(&*store, &due).await, Swept::default(), "round {round}, again");
        let mut gone = [0; 3];
        for id in &known.requests {
            let request = known.request(id);
            let taken = [due.takes_body(&request), due.takes_answer(&request), due.takes_request(&request)];
            gone.iter_mut().zip(taken).for_each(|(sum, taken)| *sum += usize::from(taken));
            assert_eq!(body_of(&*store, id.0).await.is_none(), taken[0], "{round}: the body of {request:?}");
            assert_eq!(!is_listed(&*store, id.0).await, taken[2], "{round}: {request:?}");
            let answer = known.ended.get(id).and_then(|(_, outcome)| outcome.clone());
            match standing(&*store, id.0).await {
                Some(Standing::Answered(outcome)) => assert_eq!((Some(outcome), taken[1]), (answer, false)),
                Some(Standing::Removed) => assert!(taken[1] && answer.is_some(), "{round}: {request:?}"),
                Some(_) => assert!(answer.is_none(), "{round}: {request:?}"),
                None => assert!(taken[2]),
            }
        }
        assert!(gone[0] > 0 && gone[0] < known.requests.len(), "round {round} proves something: {gone:?}");
        assert_eq!(gone[2] > 0, round == 2);
        assert_eq!(unfinished(&*store).await, before, "round {round}");
    }
    let store = home.reopen(store).await;
    assert_eq!(unfinished(&*store).await, before);
    store.close().await;
}

pub(crate) async fn sweep_takes_steps_between_which_records_are_written(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "m");
    let many = 1_200;
    store.append(&(1..=many).map(|number| accepted(number, &lane)).collect::<Vec<_>>()).await.unwrap();
    store.append(&[sealed(5_000, &lane, 1..=many)]).await.unwrap();
    store
        .append(&[answered(5_000, (1..=many).map(|n| (n, outcome("yes"))), 20), settled(5_000)])
        .await
        .unwrap();
    // What is open stands before, between and behind what goes.
    let mut steps = 0;
    loop {
        let step = store.sweep(&everything()).await.unwrap();
        assert!(step.requests <= 500 && step.bodies <= 500 && step.answers <= 500, "{step:?}");
        store.append(&[accepted(10_000 + steps, &lane)]).await.unwrap();
        steps += 1;
        if !step.more {
            break;
        }
    }
    assert!(steps > 5, "{steps} steps");
    for number in 1..=many {
        assert!(!is_listed(&*store, number).await, "{number}");
    }
    let open = unfinished(&*store).await.open;
    assert_eq!(open.len() as u128, steps);
    for request in open {
        assert!(body_of(&*store, request.id.0).await.is_some());
    }
    store.close().await;
}

fn keyed(number: u128) -> Accepted {
    let key = IdempotencyKey::of(&Tenant("ann".into()), b"mine");
    let keeping = Keeping { private: false, key: Some(key) };
    Accepted { keeping, ..request(number, &lane("ann", "m")) }
}

pub(crate) async fn purged_request_answers_nobody_and_is_emptied(home: impl Home) {
    let store = home.open().await;
    let (first, other) = (keyed(1), request(2, &lane("ann", "m")));
    let key = first.keeping.key.unwrap();
    let taken = |request: &Accepted| Record::Accepted { request: request.clone(), body: body(request.id.0) };
    store.append(&[taken(&first), taken(&other), sealed(9, &first.lane, [1, 2])]).await.unwrap();
    let open = Record::Purged { id: RequestId(2), at: Timestamp(5) };
    store.append(std::slice::from_ref(&open)).await.unwrap();
    assert_eq!(standing(&*store, 2).await, Some(Standing::Sealed), "what is open stays as it is");
    store.append(&[answered(9, [(1, outcome("one")), (2, outcome("two"))], 30), settled(9)]).await.unwrap();
    let purge = Record::Purged { id: RequestId(1), at: Timestamp(40) };
    for _ in 0..2 {
        store.append(std::slice::from_ref(&purge)).await.unwrap();
    }
    let store = home.reopen(store).await;
    assert_eq!(store.answer(&first.fingerprint).await.unwrap(), None);
    assert_eq!(store.reusable(&first.fingerprint).await.unwrap(), None);
    assert_eq!(store.keyed(&key).await.unwrap(), None, "the key is free");
    assert_eq!(standing(&*store, 1).await, Some(Standing::Removed));
    let swept = sweep(&*store, &purges_only()).await;
    assert_eq!(swept, Swept { bodies: 1, answers: 1, ..Swept::default() });
    assert_eq!(body_of(&*store, 1).await, None);
    assert_eq!(standing(&*store, 1).await, Some(Standing::Removed));
    assert_eq!(store.summary(RequestId(1)).await.unwrap().unwrap().stage, Stage::Completed);
    let page = RequestPage { stage: Some(Stage::Completed), limit: 5, ..RequestPage::default() };
    assert_eq!(store.summaries(&page).await.unwrap().unwrap().items.len(), 2, "it is listed as before");
    assert_eq!(
        standing(&*store, 2).await,
        Some(Standing::Answered(outcome("two"))),
        "and its neighbour stays"
    );
    assert_eq!(body_of(&*store, 2).await, Some(body(2)));
    store.close().await;
}

pub(crate) async fn purged_line_waits_for_its_batch(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "m");
    store.append(&[accepted(1, &lane), accepted(2, &lane), sealed(9, &lane, [1, 2])]).await.unwrap();
    let cancelled = answered(9, [(1, Outcome::cancelled())], 30);
    store.append(&[cancelled, Record::Purged { id: RequestId(1), at: Timestamp(40) }]).await.unwrap();
    let before = unfinished(&*store).await;
    assert_eq!(sweep(&*store, &everything()).await, Swept { waits: true, ..Swept::default() });
    assert_eq!(body_of(&*store, 1).await, Some(body(1)), "its batch may still have to be uploaded");
    assert_eq!(standing(&*store, 1).await, Some(Standing::Removed));
    assert_eq!(unfinished(&*store).await, before);
    assert!(before.batches[0].answered.contains(&RequestId(1)), "and no line is expected of it");
    store.append(&[answered(9, [(2, outcome("two"))], 50), settled(9)]).await.unwrap();
    let swept = sweep(&*store, &purges_only()).await;
    assert_eq!(swept, Swept { bodies: 1, answers: 1, ..Swept::default() });
    assert_eq!(body_of(&*store, 1).await, None);
    store.close().await;
}

pub(crate) async fn cancellation_that_overtakes_the_sealing_is_in_the_batch(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "m");
    store.append(&[accepted(1, &lane), accepted(2, &lane)]).await.unwrap();
    store.append(&[answered(77, [(1, Outcome::cancelled())], 30)]).await.unwrap();
    store.append(&[sealed(9, &lane, [1, 2])]).await.unwrap();
    assert_eq!(sweep(&*store, &everything()).await, Swept::default());
    assert_eq!(body_of(&*store, 1).await, Some(body(1)));
    assert_eq!(standing(&*store, 1).await, Some(Standing::Answered(Outcome::cancelled())), "it stays ended");
    store.append(&[answered(9, [(2, outcome("two"))], 50), settled(9)]).await.unwrap();
    assert_eq!(sweep(&*store, &everything()).await.bodies, 2);
    store.close().await;
}

pub(crate) async fn emptied_request_stays_ended(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "m");
    store.append(&[accepted(1, &lane), accepted(2, &lane), sealed(9, &lane, [1, 2])]).await.unwrap();
    store.append(&[answered(9, [(1, outcome("one")), (2, outcome("two"))], 30), settled(9)]).await.unwrap();
    let answers = Retention { answers: Some(DAY), ..Retention::default() }.due(LATE);
    assert_eq!(sweep(&*store, &answers).await, Swept { answers: 2, ..Swept::default() });
    store.append(&[answered(9, [(1, outcome("late"))], 60), sealed(9, &lane, [1, 2])]).await.unwrap();
    store.append(&[Record::Withdrawn { id: RequestId(1), at: Timestamp(70) }]).await.unwrap();
    assert_eq!(standing(&*store, 1).await, Some(Standing::Removed));
    assert_eq!(store.answer(&fingerprint(1)).await.unwrap(), None);
    assert_eq!(unfinished(&*store).await, Default::default());
    assert_eq!(body_of(&*store, 1).await, Some(body(1)), "its body is kept for ever here");
    // And then that is not wanted either.
    store.append(&[Record::Purged { id: RequestId(1), at: Timestamp(80) }]).await.unwrap();
    sweep(&*store, &purges_only()).await;
    assert_eq!(body_of(&*store, 1).await, None);
    assert_eq!(body_of(&*store, 2).await, Some(body(2)));
    store.close().await;
}

/// Equal content of two requests, too long for a document.
pub(crate) async fn long_content_goes_alone(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "m");
    let long = Bytes::from(vec![b'x'; 13 << 20]);
    let said = Outcome { body: long.clone(), ..outcome("") };
    for number in [1, 2] {
        let request = request(number, &lane);
        store.append(&[Record::Accepted { request, body: long.clone() }]).await.unwrap();
        store.append(&[sealed(number, &lane, [number])]).await.unwrap();
        store.append(&[answered(number, [(number, said.clone())], 30), settled(number)]).await.unwrap();
    }
    store.append(&[Record::Purged { id: RequestId(1), at: Timestamp(40) }]).await.unwrap();
    assert_eq!(sweep(&*store, &purges_only()).await, Swept { bodies: 1, answers: 1, ..Swept::default() });
    assert_eq!(body_of(&*store, 1).await, None);
    assert!(body_of(&*store, 2).await == Some(long), "the other one is whole");
    assert!(standing(&*store, 2).await == Some(Standing::Answered(said)));
    store.close().await;
}

fn native(id: &str, status: &str) -> Record {
    let batch: UpstreamBatch = object(id, 60, status);
    Record::NativeBatch { tenant: Tenant("ann".into()), batch, at: Timestamp(100) }
}

pub(crate) async fn batches_go_with_their_statuses(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "m");
    for number in [1, 2, 3] {
        let id = format!("batch_{number}");
        store.append(&[accepted(number, &lane), sealed(number, &lane, [number])]).await.unwrap();
        store.append(&[created(number, object(&id, 50, "validating"))]).await.unwrap();
    }
    store.append(&[answered(1, [(1, outcome("one"))], 30), settled(1)]).await.unwrap();
    // Its files are still to be removed, so something is left to do for it.
    let spent: Arc<[FileId]> = ["file-2".into()].into();
    let end = Record::Settled { key: BatchKey(2), returned: [].into(), spent, at: Timestamp(50) };
    store.append(&[answered(2, [(2, outcome("two"))], 30), end]).await.unwrap();
    store.append(&[native("batch_over", "completed"), native("batch_runs", "in_progress")]).await.unwrap();
    let there = async || {
        let mut there = HashSet::new();
        for id in ["batch_1", "batch_2", "batch_3", "batch_over", "batch_runs"] {
            if store.batch(None, &BatchId::from(id)).await.unwrap().is_some() {
                there.insert(id);
            }
        }
        there
    };
    let statuses = Retention { statuses: Some(DAY), ..Retention::default() }.due(LATE);
    assert_eq!(sweep(&*store, &statuses).await.batches, 2);
    assert_eq!(there().await, HashSet::from(["batch_2", "batch_3", "batch_runs"]));
    assert!(is_listed(&*store, 1).await, "its request is kept for ever here");
    assert_eq!(store.summary(RequestId(1)).await.unwrap().unwrap().batch, None);
    store.append(&[Record::FilesRemoved { key: BatchKey(2), at: Timestamp(60) }]).await.unwrap();
    assert_eq!(sweep(&*store, &statuses).await.batches, 1);
    // A new one is not taken for one that went.
    store.append(&[accepted(4, &lane), sealed(4, &lane, [4])]).await.unwrap();
    store.append(&[created(4, object("batch_4", 90, "validating"))]).await.unwrap();
    assert_eq!(store.summary(RequestId(1)).await.unwrap().unwrap().batch, None);
    store.close().await;
}

pub(crate) async fn files_are_spent_until_they_are_removed(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "m");
    let files = |number: u128| vec![FileId::from("in"), FileId::from(format!("out-{number}").as_str())];
    let end = |number: u128| Record::Settled {
        key: BatchKey(number),
        returned: [].into(),
        spent: files(number).into(),
        at: Timestamp(50 + number as u64),
    };
    for number in [1, 2, 3] {
        store.append(&[accepted(number, &lane), sealed(number, &lane, [number])]).await.unwrap();
        store.append(&[answered(number, [(number, outcome("yes"))], 30)]).await.unwrap();
    }
    assert_eq!(store.spent_files().await.unwrap(), []);
    store.append(&[end(1), end(2), settled(3)]).await.unwrap();
    let removed = Record::FilesRemoved { key: BatchKey(1), at: Timestamp(60) };
    store.append(std::slice::from_ref(&removed)).await.unwrap();
    // A group handed in again brings nothing back.
    store.append(&[end(1), removed, end(2)]).await.unwrap();
    let store = home.reopen(store).await;
    let left = SpentFiles { key: BatchKey(2), files: files(2) };
    assert_eq!(store.spent_files().await.unwrap(), [left]);
    store.append(&[Record::FilesRemoved { key: BatchKey(2), at: Timestamp(60) }]).await.unwrap();
    assert_eq!(store.spent_files().await.unwrap(), []);
    store.close().await;
}
