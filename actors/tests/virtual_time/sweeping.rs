//! When the store is swept, and when files upstream are removed.

use std::{sync::Arc, time::Duration};

use batch_gpt_actors::rules::{
    fault::Fault,
    ids::FileId,
    outcome::ApiError,
    record::Record,
    retention::Retention,
    time::{Millis, Timestamp},
};

use crate::{
    memory_upstream::MemoryUpstream,
    world::{SETTINGS, World, on_one_thread, outcome, pass},
};

const BEGINNING: Timestamp = Timestamp(1_700_000_000_000);
const MINUTE: Millis = Millis::from_secs(60);
const HOUR: Millis = Millis::from_secs(3600);

fn upstream() -> MemoryUpstream {
    MemoryUpstream::new(Duration::from_secs(60), "completed")
}

fn removed(world: &World) -> usize {
    world.store.count(|record| matches!(record, Record::FilesRemoved { .. }))
}

#[tokio::test(start_paused = true)]
async fn the_store_is_swept_a_minute_after_a_start_and_then_every_hour() {
    on_one_thread(async {
        let retention = Retention { bodies: Some(Millis::from_secs(86_400)), ..Retention::default() };
        let settings = batch_gpt_actors::system::Settings { retention, ..SETTINGS };
        let world = World::start(upstream(), settings);
        world.system.recover().await.unwrap();
        pass(2 * 3600 + 120).await;
        let swept: Vec<_> =
            world.store.sweeps.lock().unwrap().iter().map(|due| due.bodies.unwrap()).collect();
        let first = retention.due(BEGINNING + MINUTE).bodies.unwrap();
        let hours = [first, first + HOUR, first + HOUR + HOUR];
        assert_eq!(swept.len(), hours.len());
        assert!(swept.iter().zip(hours).all(|(at, due)| at.since(due) < Millis(1_000)), "{swept:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_for_ever_is_swept_once_for_what_was_purged() {
    on_one_thread(async {
        let world = World::start(upstream(), SETTINGS);
        world.system.recover().await.unwrap();
        pass(48 * 3600).await;
        assert_eq!(world.store.sweeps.lock().unwrap().len(), 1);
        world.system.sweeper.tell(batch_gpt_actors::sweeper::Sweep);
        pass(1).await;
        assert_eq!(world.store.sweeps.lock().unwrap().len(), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_is_refused_for_a_day_is_left_and_tells_nobody() {
    on_one_thread(async {
        let upstream = upstream();
        let error = ApiError::new("invalid_request_error", None, "You may not.");
        upstream.fail("remove", vec![Fault::Permanent { status: 403, error }; 1_000]);
        let world = World::start(upstream, SETTINGS);
        let answer = world.send("m", "hello").await.unwrap();
        assert_eq!(outcome(answer.await.unwrap()).status, 200);
        pass(20 * 3600).await;
        assert_eq!((removed(&world), world.system.upstream_trouble()), (0, None));
        pass(8 * 3600).await;
        assert_eq!((removed(&world), world.upstream.removed().len()), (1, 0), "they expire by themselves");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_next_life_removes_what_an_earlier_one_left() {
    on_one_thread(async {
        let first = upstream();
        first.fail("remove", vec![Fault::Transient("cut".into()); 1_000]);
        let world = World::start(first, SETTINGS);
        let answer = world.send("m", "hello").await.unwrap();
        assert_eq!(outcome(answer.await.unwrap()).status, 200);
        pass(1).await;
        assert_eq!(removed(&world), 0);
        let second = World::restart(world.store, Arc::new(upstream()), SETTINGS);
        second.system.recover().await.unwrap();
        pass(1).await;
        assert_eq!(removed(&second), 1);
        assert_eq!(second.upstream.removed(), ["file-0", "out-0"].map(FileId::from));
    })
    .await;
}
