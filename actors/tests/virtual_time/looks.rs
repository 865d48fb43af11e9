//! Cases 40 to 42: how a batch is watched that takes its time.

use std::time::Duration;

use batch_gpt_actors::{
    links::Calling,
    rules::{collate::Limits, outcome::Outcome, retry::Polling, time::Millis},
    system::Settings,
};

use crate::{
    memory_upstream::MemoryUpstream,
    world::{SETTINGS, World, on_one_thread, outcome, prompt_of},
};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn case_40_ten_thousand_batches_do_not_storm_an_upstream_that_is_overloaded() {
    const BATCHES: usize = 10_000;
    const WISH: Duration = Duration::from_secs(300);
    on_one_thread(async {
        let upstream = MemoryUpstream::new(HOUR / 2, "completed")
            .looked_at_for(Duration::from_millis(100))
            .limited(HOUR / 3, Millis(WISH.as_millis() as u64));
        let limits = Limits { max_requests: 1, ..SETTINGS.limits };
        let polling = Polling { min: Millis::from_secs(60), ..SETTINGS.calling.polling };
        let calling = Calling { polling, batches_per_hour: BATCHES, ..SETTINGS.calling };
        let world = World::start(upstream, Settings { limits, calling, ..SETTINGS });
        let mut clients = Vec::new();
        for n in 0..BATCHES {
            clients.push(world.send("m", &n.to_string()).await.unwrap());
        }
        for (n, client) in clients.into_iter().enumerate() {
            assert_eq!(prompt_of(&outcome(client.await.unwrap())), n.to_string());
        }
        assert!(world.upstream.most_looking() <= 32, "{} at once", world.upstream.most_looking());
        // What one is told holds for all: not each of them finds out for itself.
        let refused = world.upstream.refused_looks();
        assert!((4..=5 * 32).contains(&refused), "{refused} looks were refused");
        let looks = world.upstream.polls() / BATCHES;
        assert!(looks < 12, "{looks} looks at each");
    })
    .await;
}

/// A batch that has this status for so long is watched to its end, and not made again.
async fn outwaited(runs: &'static str, lasts: Duration) {
    on_one_thread(async {
        let world = World::start(MemoryUpstream::new(lasts, "completed").running_as(runs), SETTINGS);
        let client = world.send("m", "still here").await.unwrap();
        assert_eq!(prompt_of(&outcome(client.await.unwrap())), "still here");
        assert_eq!(world.upstream.batches().len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn case_41_a_batch_that_is_long_in_finalizing_is_waited_for() {
    outwaited("finalizing", 24 * HOUR).await;
}

/// What a client is told whose batch never leaves finalizing by itself.
async fn stuck(upstream: MemoryUpstream) -> Outcome {
    let world = World::start(upstream.running_as("finalizing"), SETTINGS);
    let client = world.send("m", "stuck").await.unwrap();
    let outcome = outcome(client.await.unwrap());
    assert_eq!(world.upstream.batches().len(), 1, "its lines may have been executed");
    assert_eq!(world.upstream.cancellations(), 1);
    outcome
}

#[tokio::test(start_paused = true)]
async fn case_41_a_batch_that_is_stuck_in_finalizing_is_cancelled_for_what_it_has() {
    on_one_thread(async {
        let outcome = stuck(MemoryUpstream::new(1000 * HOUR, "completed").obeying()).await;
        assert_eq!((outcome.status, prompt_of(&outcome)), (200, "stuck".into()));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn case_41_nobody_waits_for_ever_for_a_batch_that_cannot_be_cancelled() {
    on_one_thread(async {
        let outcome = stuck(MemoryUpstream::new(1000 * HOUR, "completed")).await;
        assert_eq!(outcome.status, 504);
        assert!(std::str::from_utf8(&outcome.body).unwrap().contains("batch_overdue"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn case_42_a_status_that_nobody_knows_counts_as_running() {
    outwaited("pondering", HOUR).await;
}
