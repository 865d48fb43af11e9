//! Equal requests that share an answer, days apart or at the same moment.

use std::{sync::Arc, sync::atomic::Ordering::Relaxed, time::Duration};

use batch_gpt_actors::{
    collector::CancelRequest,
    rules::{
        idempotency::IdempotencyKey,
        ids::RequestId,
        lane::{Endpoint, Lane, Tenant},
        record::Record,
        terms::{Keeping, Terms},
    },
    waiting_room::{Decline, Delivery},
};

use crate::{
    memory_upstream::MemoryUpstream,
    world::{SETTINGS, World, on_one_thread, outcome, pass},
};

const SHARED: Terms =
    Terms { shares: true, stored_only: false, keeping: Keeping { private: false, key: None } };

fn world() -> World {
    World::start(MemoryUpstream::new(Duration::from_secs(3600), "completed"), SETTINGS)
}

fn lines(world: &World) -> usize {
    world.upstream.batches().iter().map(Vec::len).sum()
}

fn id(delivery: Delivery) -> RequestId {
    match delivery {
        Delivery::Answered { id, .. } => id,
        other => panic!("no answer but {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_stored_answer_counts_after_a_year_and_after_a_restart() {
    on_one_thread(async {
        let first = world();
        let answer = outcome(first.send_on(SHARED, "q").await.await.unwrap());
        pass(365 * 24 * 3600).await;
        assert_eq!(outcome(first.send_on(SHARED, "q").await.await.unwrap()), answer);
        let second = World::restart(first.store.clone(), first.upstream.clone(), SETTINGS);
        second.system.recover().await.unwrap();
        assert_eq!(outcome(second.send_on(SHARED, "q").await.await.unwrap()), answer);
        assert_eq!(lines(&second), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn equal_requests_share_a_line_even_while_the_store_is_asked() {
    on_one_thread(async {
        let world = world();
        world.store.slow.store(true, Relaxed);
        let mut clients = Vec::new();
        for _ in 0..10 {
            clients.push(world.send_on(SHARED, "q").await);
            pass(1).await;
        }
        let private = Keeping { private: true, key: None };
        let alone = world.send_on(Terms { keeping: private, ..Terms::default() }, "q").await;
        let alone = id(alone.await.unwrap());
        for client in clients {
            assert_ne!(id(client.await.unwrap()), alone);
        }
        assert_eq!(lines(&world), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stored_answer_is_wanted_or_none() {
    on_one_thread(async {
        let world = world();
        let only = Terms { stored_only: true, ..SHARED };
        let running = world.send_on(SHARED, "q").await;
        let declined = Delivery::Declined(Decline::NotStored);
        assert_eq!(world.send_on(only, "q").await.await.unwrap(), declined);
        let answer = outcome(running.await.unwrap());
        assert_eq!(outcome(world.send_on(only, "q").await.await.unwrap()), answer);
        assert_eq!(lines(&world), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_key_stands_for_one_request_for_ever() {
    on_one_thread(async {
        let world = world();
        let key = Some(IdempotencyKey::of(&Tenant::anonymous(), b"k"));
        let keyed = Terms { keeping: Keeping { private: false, key }, ..Terms::default() };
        let (first, second) = (world.send_on(keyed, "q").await, world.send_on(keyed, "q").await);
        let reused = Delivery::Declined(Decline::KeyReused);
        assert_eq!(world.send_on(keyed, "another").await.await.unwrap(), reused);
        let first = id(first.await.unwrap());
        assert_eq!(id(second.await.unwrap()), first);
        pass(365 * 24 * 3600).await;
        assert_eq!(id(world.send_on(keyed, "q").await.await.unwrap()), first);
        assert_eq!(world.send_on(keyed, "another").await.await.unwrap(), reused);
        assert_eq!(lines(&world), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_request_is_no_line_before_its_sealing_and_has_one_end_after_it() {
    on_one_thread(async {
        let world = world();
        for seconds in [1, 600] {
            let client = world.send("m", &format!("{seconds}")).await.unwrap();
            let other = world.send("m", &format!("beside {seconds}")).await.unwrap();
            pass(seconds).await;
            let records = world.store.records.lock().unwrap().clone();
            let found = records.iter().rev().filter_map(|record| match record {
                Record::Accepted { request, .. } => Some(request.id),
                _ => None,
            });
            let cancelled = found.take(2).min().unwrap();
            let (reply, told) = tokio::sync::oneshot::channel();
            let tenant = Tenant::anonymous();
            let lane = Arc::new(Lane { tenant, endpoint: Endpoint::ChatCompletions, model: "m".into() });
            world.system.collectors.by(&lane).tell(CancelRequest {
                id: cancelled,
                lane: lane.clone(),
                reply,
            });
            told.await.unwrap();
            assert!(outcome(client.await.unwrap()).is_cancellation());
            assert!(outcome(other.await.unwrap()).is_success());
        }
        let sizes: Vec<_> = world.upstream.batches().iter().map(Vec::len).collect();
        assert_eq!(sizes, [1, 2]);
    })
    .await;
}
