use std::{sync::Arc, time::Duration};

use batch_gpt_actors::rules::record::Record;

use crate::{
    memory_store::MemoryStore,
    memory_upstream::MemoryUpstream,
    world::{SETTINGS, World, on_one_thread, outcome, pass, prompt_of},
};

/// Runs ten requests for so long, takes the journal as it is, and lets a new gateway go on from there. Their clients
/// send them again.
async fn crash_after(millis: u64) {
    let upstream = Arc::new(MemoryUpstream::new(Duration::from_secs(600), "completed"));
    let first = World::restart(Arc::default(), upstream.clone(), SETTINGS);
    let mut clients = Vec::new();
    for n in 0..10 {
        clients.push(first.send("m", &format!("{n}")).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(millis)).await;
    let store = Arc::new(MemoryStore::default());
    *store.records.lock().unwrap() = first.store.records.lock().unwrap().clone();
    // From here on the first life writes into a journal that nobody reads, and its store is gone for it.
    first.store.down.store(true, std::sync::atomic::Ordering::Relaxed);
    first.upstream.fail("create", vec![]);
    drop(clients);
    let sealed_before = store.count(|record| matches!(record, Record::Sealed { .. }));
    let second = World::restart(store, upstream, SETTINGS);
    second.system.recover().await.unwrap();
    let mut clients = Vec::new();
    for n in 0..10 {
        clients.push(second.send_as("m", &format!("{n}"), true).await.unwrap());
    }
    for (n, client) in clients.into_iter().enumerate() {
        assert_eq!(prompt_of(&outcome(client.await.unwrap())), n.to_string());
    }
    pass(5).await;
    let batches: Vec<usize> = second.upstream.batches().iter().map(Vec::len).collect();
    assert_eq!(batches, [10], "crash after {millis} ms, {sealed_before} sealed before it");
    assert_eq!(second.store.count(|record| matches!(record, Record::Settled { .. })), 1);
}

#[tokio::test(start_paused = true)]
async fn an_open_lane_is_collated_again() {
    on_one_thread(crash_after(1_000)).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_under_way_is_watched_on() {
    on_one_thread(crash_after(30_000)).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_ended_in_the_meantime_is_read() {
    on_one_thread(async {
        let upstream = Arc::new(MemoryUpstream::new(Duration::from_secs(600), "completed"));
        let first = World::restart(Arc::default(), upstream.clone(), SETTINGS);
        let client = first.send("m", "slow").await.unwrap();
        pass(60).await;
        let store = Arc::new(MemoryStore::default());
        *store.records.lock().unwrap() = first.store.records.lock().unwrap().clone();
        first.store.down.store(true, std::sync::atomic::Ordering::Relaxed);
        drop(client);
        pass(3600).await;
        let second = World::restart(store, upstream, SETTINGS);
        second.system.recover().await.unwrap();
        let client = second.send_as("m", "slow", true).await.unwrap();
        assert_eq!(outcome(client.await.unwrap()).status, 200);
        assert_eq!(second.upstream.batches().len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_no_longer_fits_the_limits_still_gets_an_outcome() {
    on_one_thread(async {
        let upstream = Arc::new(MemoryUpstream::new(Duration::from_secs(60), "completed"));
        let first = World::restart(Arc::default(), upstream.clone(), SETTINGS);
        let client = first.send("m", &"long ".repeat(100)).await.unwrap();
        pass(1).await;
        let store = Arc::new(MemoryStore::default());
        *store.records.lock().unwrap() = first.store.records.lock().unwrap().clone();
        first.store.down.store(true, std::sync::atomic::Ordering::Relaxed);
        drop(client);
        let limits = batch_gpt_actors::rules::collate::Limits { max_bytes: 200, ..SETTINGS.limits };
        let smaller = batch_gpt_actors::system::Settings { limits, ..SETTINGS };
        let second = World::restart(store, upstream, smaller);
        second.system.recover().await.unwrap();
        pass(600).await;
        assert_eq!(second.store.count(|record| matches!(record, Record::Answered { .. })), 1);
    })
    .await;
}
