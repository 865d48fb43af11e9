//! Large bodies and large batches.

use batch_gpt_actors::rules::{
    ids::RequestId,
    outcome::{Origin, Outcome},
    record::Record,
};
use bytes::Bytes;

use crate::{
    home::Home,
    journal::{
        Dice, accepted, answered, body, created, fingerprint, lane, object, outcome, request, sealed,
        settled, unfinished, uploaded,
    },
};

const MEBIBYTE: usize = 1 << 20;

/// Bytes that repeat nowhere and are of every value.
fn noise(seed: u64, length: usize) -> Bytes {
    let mut dice = Dice::new(seed);
    (0..length).map(|_| dice.roll(256) as u8).collect()
}

/// Around MongoDB's document limit and well above it.
const LENGTHS: [usize; 6] =
    [0, 12 * MEBIBYTE, 16 * MEBIBYTE - 1, 16 * MEBIBYTE, 16 * MEBIBYTE + 1, 20 * MEBIBYTE];

pub(crate) async fn bodies_of_many_mebibytes_are_exact(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "m");
    let bodies = LENGTHS.map(|length| noise(length as u64, length));
    let group = (0..)
        .zip(&bodies)
        .map(|(number, body)| Record::Accepted { request: request(number, &lane), body: body.clone() });
    let group = group.collect::<Vec<_>>();
    store.append(&group).await.unwrap();
    // A second time, as after a failure in the middle.
    store.append(&group[3..]).await.unwrap();
    let store = home.reopen(store).await;
    for (number, body) in (0..).zip(&bodies) {
        let read = store.bodies(&[RequestId(number)]).await.unwrap();
        assert!(read == [(RequestId(number), body.clone())], "{} bytes", body.len());
    }
    let together: Vec<_> = (0..).zip(bodies).map(|(number, body)| (RequestId(number), body)).collect();
    let asked: Vec<_> = together.iter().map(|(id, _)| *id).collect();
    assert!(store.bodies(&asked).await.unwrap() == together);
    store.close().await;
}

pub(crate) async fn outcomes_of_many_mebibytes_are_exact(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "m");
    let outcomes: Vec<(u128, Outcome)> = (0..)
        .zip(LENGTHS)
        .map(|(number, length)| {
            let outcome =
                Outcome { status: 201, body: noise(length as u64 + 1, length), origin: Origin::Upstream };
            (number, outcome)
        })
        .collect();
    let numbers = 0..LENGTHS.len() as u128;
    let group: Vec<_> = numbers.clone().map(|number| accepted(number, &lane)).collect();
    store.append(&group).await.unwrap();
    store.append(&[sealed(50, &lane, numbers)]).await.unwrap();
    let ends = answered(50, outcomes.clone(), 60);
    store.append(std::slice::from_ref(&ends)).await.unwrap();
    store.append(&[ends]).await.unwrap();
    let store = home.reopen(store).await;
    for (number, outcome) in outcomes {
        let stored = store.answer(&fingerprint(number)).await.unwrap().unwrap();
        assert!(stored.outcome == outcome, "{} bytes", outcome.body.len());
    }
    assert!(unfinished(&*store).await.awaited.is_empty());
    store.close().await;
}

pub(crate) async fn batch_of_a_hundred_thousand_requests(home: impl Home) {
    const REQUESTS: u128 = 100_000;
    let mut store = home.open().await;
    let lane = lane("ann", "m");
    let numbers: Vec<u128> = (0..REQUESTS).collect();
    for some in numbers.chunks(5_000) {
        let group: Vec<_> = some.iter().map(|number| accepted(*number, &lane)).collect();
        store.append(&group).await.unwrap();
    }
    // Lines are not in order of acceptance.
    let lines: Vec<u128> = numbers.iter().rev().copied().collect();
    let sealing = sealed(7, &lane, lines.iter().copied());
    store.append(std::slice::from_ref(&sealing)).await.unwrap();
    store.append(&[sealing, uploaded(7)]).await.unwrap();
    store.append(&[created(7, object("batch_7", 1, "in_progress"))]).await.unwrap();
    store = home.reopen(store).await;
    let found = unfinished(&*store).await;
    assert_eq!((found.open.len(), found.awaited.len()), (0, REQUESTS as usize));
    assert!(found.batches[0].requests.iter().map(|id| id.0).eq(lines.iter().copied()));

    let (first, second) = numbers.split_at(60_000);
    for some in first.chunks(2_000) {
        let outcomes = some.iter().map(|number| (*number, outcome("an answer")));
        store.append(&[answered(7, outcomes, 60)]).await.unwrap();
    }
    let found = unfinished(&*store).await;
    assert_eq!(found.batches[0].answered.len(), first.len());
    assert!(found.awaited.iter().map(|request| request.id.0).eq(second.iter().copied()));

    for some in second.chunks(2_000) {
        let outcomes = some.iter().map(|number| (*number, outcome("an answer")));
        store.append(&[answered(7, outcomes, 61)]).await.unwrap();
    }
    store.append(&[settled(7)]).await.unwrap();
    store = home.reopen(store).await;
    assert_eq!(store.unfinished().await.unwrap(), []);
    for number in [0, 59_999, 60_000, REQUESTS - 1] {
        assert!(store.answer(&fingerprint(number)).await.unwrap().is_some());
    }
    let asked: Vec<_> = lines[..1_000].iter().map(|number| RequestId(*number)).collect();
    let read = store.bodies(&asked).await.unwrap();
    assert!(read.iter().map(|(id, read)| (*id, read.clone())).eq(asked.iter().map(|id| (*id, body(id.0)))));
    store.close().await;
}
