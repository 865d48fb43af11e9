//! Many at once.

use batch_gpt_actors::rules::{
    ids::RequestId,
    record::{Unfinished, replay},
};

use crate::{
    home::Home,
    journal::{accepted, body, journal, lane, unfinished},
};

const WRITERS: u64 = 8;

/// Across writers the order of acceptance is nobody's promise.
fn sorted(mut unfinished: Unfinished) -> Unfinished {
    unfinished.open.sort_by_key(|request| request.id);
    unfinished.awaited.sort_by_key(|request| request.id);
    unfinished.batches.sort_by_key(|batch| batch.key);
    unfinished
}

pub(crate) async fn writers_do_not_disturb_each_other(home: impl Home) {
    let store = home.open().await;
    let mut all = Vec::new();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let records = journal(10 + writer, u128::from(writer) * 1_000_000, 400);
        all.extend(records.iter().cloned());
        let store = store.clone();
        writers.spawn(async move {
            for group in records.chunks(1 + writer as usize * 3) {
                store.append(group).await.unwrap();
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    let store = home.reopen(store).await;
    assert_eq!(sorted(unfinished(&*store).await), sorted(replay(all)));
    store.close().await;
}

pub(crate) async fn ping_and_reads_go_beside_writers(home: impl Home) {
    let store = home.open().await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        let lane = lane(&format!("tenant {writer}"), "m");
        writers.spawn(async move {
            for number in 0..30 {
                let number = u128::from(writer) * 1_000 + number;
                store.append(&[accepted(number, &lane)]).await.unwrap();
                let own = store.bodies(&[RequestId(number)]).await.unwrap();
                assert_eq!(own, [(RequestId(number), body(number))], "what was acknowledged is there");
                store.ping().await.unwrap();
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    assert_eq!(unfinished(&*store).await.open.len(), 8 * 30);
    store.close().await;
}
