use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use batch_gpt_actors::{collector::Refused, rules::record::Record, waiting_room::Delivery};

use crate::{
    memory_upstream::MemoryUpstream,
    world::{SETTINGS, World, on_one_thread, outcome, pass},
};

#[tokio::test(start_paused = true)]
async fn a_stop_submits_what_is_open_and_waits_for_it() {
    on_one_thread(async {
        let world = World::start(MemoryUpstream::new(Duration::from_secs(8), "completed"), SETTINGS);
        let client = world.send("m", "quick").await.unwrap();
        let drained = world.system.drain(Duration::from_secs(30)).await;
        assert!(drained);
        assert_eq!(outcome(client.await.unwrap()).status, 200);
        assert_eq!(world.send("m", "too late").await.unwrap_err(), Refused::Draining);
        assert_eq!(world.store.count(|record| matches!(record, Record::Settled { .. })), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_releases_those_whose_batch_takes_too_long() {
    on_one_thread(async {
        let world = World::start(MemoryUpstream::new(Duration::from_secs(36_000), "completed"), SETTINGS);
        let client = world.send("m", "slow").await.unwrap();
        let drained = world.system.drain(Duration::from_secs(30)).await;
        assert!(!drained);
        assert_eq!(client.await.unwrap(), Delivery::Released);
        assert_eq!(world.upstream.batches().len(), 1, "what is paid for is not cancelled");
        assert_eq!(world.store.count(|record| matches!(record, Record::Created { .. })), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn without_a_store_nothing_is_accepted_and_nothing_is_submitted() {
    on_one_thread(async {
        let world = World::start(MemoryUpstream::new(Duration::from_secs(8), "completed"), SETTINGS);
        let parked = world.send("m", "before").await.unwrap();
        pass(1).await;
        world.store.down.store(true, Relaxed);
        let refused = world.send("m", "during").await.unwrap();
        assert_eq!(refused.await.unwrap(), Delivery::NotRecorded);
        assert!(!world.system.store_works());
        pass(600).await;
        assert!(world.upstream.batches().is_empty(), "nothing is submitted unrecorded");
        world.store.down.store(false, Relaxed);
        pass(1).await;
        assert!(world.system.store_works());
        let after = world.send("m", "after").await.unwrap();
        assert_eq!(outcome(parked.await.unwrap()).status, 200);
        assert_eq!(outcome(after.await.unwrap()).status, 200);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_stored_outcome_comes_too_late_is_released() {
    on_one_thread(async {
        let world = World::start(MemoryUpstream::new(Duration::from_secs(8), "completed"), SETTINGS);
        world.store.slow.store(true, Relaxed);
        let client = world.send_as("m", "again", true).await.unwrap();
        world.system.drain(Duration::from_secs(1)).await;
        assert_eq!(client.await.unwrap(), Delivery::Released);
    })
    .await;
}
