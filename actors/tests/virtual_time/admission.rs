//! How many requests may be accepted and not answered.

use std::{sync::Arc, time::Duration};

use batch_gpt_actors::{
    collector::Refused,
    rules::admission::Capacity,
    system::Settings,
    waiting_room::{Client, Delivery},
};
use tokio::sync::oneshot;

use crate::{
    memory_store::MemoryStore,
    memory_upstream::MemoryUpstream,
    world::{SETTINGS, World, on_one_thread, outcome, pass},
};

const TWO: Settings = Settings { open_requests: Capacity::shared(2, 1), ..SETTINGS };

fn world() -> World {
    World::start(MemoryUpstream::new(Duration::from_secs(60), "completed"), TWO)
}

fn open(world: &World) -> usize {
    world.system.permits.occupancy().open
}

/// Sends a prompt for a client that asks later.
async fn promise(world: &World, prompt: &str) -> Result<Delivery, Refused> {
    let (reply, delivery) = oneshot::channel();
    world.seat("m", prompt, false, Client::Detached(reply)).await?;
    Ok(delivery.await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_promised_request_has_its_place_until_it_is_answered() {
    on_one_thread(async {
        let world = world();
        assert!(matches!(promise(&world, "one").await, Ok(Delivery::Accepted(_))));
        assert!(matches!(promise(&world, "two").await, Ok(Delivery::Accepted(_))));
        assert_eq!(promise(&world, "three").await, Err(Refused::Full));
        pass(30).await;
        assert_eq!(open(&world), 2, "they are in a batch, and nobody waits");
        pass(120).await;
        assert_eq!(open(&world), 0);
        assert!(matches!(promise(&world, "three").await, Ok(Delivery::Accepted(_))));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_request_has_its_place_although_its_client_left_and_gives_it_back_when_it_is_not_sent() {
    on_one_thread(async {
        let world = world();
        drop(world.send("m", "left early").await.unwrap());
        assert_eq!(open(&world), 1);
        pass(6).await;
        assert_eq!(open(&world), 0, "it was dropped at the sealing");
        let late = world.send("m", "left late").await.unwrap();
        pass(6).await;
        drop(late);
        pass(1).await;
        assert_eq!(open(&world), 1, "it is paid for");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_sends_again_joins_its_request_in_a_full_house_and_gets_no_place_for_another() {
    on_one_thread(async {
        let world = world();
        let clients = [world.send("m", "one").await.unwrap(), world.send("m", "two").await.unwrap()];
        let again = world.send_as("m", "one", true).await.unwrap();
        let other = world.send_as("m", "three", true).await.unwrap();
        assert_eq!(other.await.unwrap(), Delivery::Full);
        for client in clients.into_iter().chain([again]) {
            assert_eq!(outcome(client.await.unwrap()).status, 200);
        }
        assert_eq!(open(&world), 0);
        let again = world.send_as("m", "three", true).await.unwrap();
        assert_eq!(outcome(again.await.unwrap()).status, 200);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_life_accepted_has_its_place() {
    on_one_thread(async {
        let upstream = Arc::new(MemoryUpstream::new(Duration::from_secs(600), "completed"));
        let first = World::restart(Arc::default(), upstream.clone(), TWO);
        assert!(matches!(promise(&first, "in a batch").await, Ok(Delivery::Accepted(_))));
        pass(30).await;
        assert!(matches!(promise(&first, "in a lane").await, Ok(Delivery::Accepted(_))));
        let store = Arc::new(MemoryStore::default());
        *store.records.lock().unwrap() = first.store.records.lock().unwrap().clone();
        first.store.down.store(true, std::sync::atomic::Ordering::Relaxed);
        first.upstream.fail("create", vec![]);
        let one = Settings { open_requests: Capacity::shared(1, 1), ..TWO };
        let second = World::restart(store, upstream, one);
        second.system.recover().await.unwrap();
        pass(1).await;
        assert_eq!(open(&second), 2, "more than there are places, and nothing is lost");
        assert_eq!(promise(&second, "new").await, Err(Refused::Full));
        pass(2_000).await;
        assert_eq!(open(&second), 0);
    })
    .await;
}
