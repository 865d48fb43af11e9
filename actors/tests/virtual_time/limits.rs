//! Cases 18 and 21: what a file may hold, and how many batches an hour.

use std::time::Duration;

use batch_gpt_actors::{links::Calling, rules::collate::Limits, system::Settings};

use crate::{
    memory_upstream::MemoryUpstream,
    world::{SETTINGS, World, on_one_thread, outcome, pass, prompt_of},
};

#[tokio::test(start_paused = true)]
async fn case_18_of_fifty_thousand_and_one_requests_one_goes_into_a_second_file() {
    on_one_thread(async {
        let limits = Limits { max_requests: 50_000, max_bytes: 200_000_000, ..SETTINGS.limits };
        let upstream = MemoryUpstream::new(Duration::from_secs(60), "completed");
        let world = World::start(upstream, Settings { limits, ..SETTINGS });
        let mut clients = Vec::new();
        for n in 0..=50_000 {
            clients.push(world.send("m", &n.to_string()).await.unwrap());
        }
        for (n, client) in clients.into_iter().enumerate() {
            assert_eq!(prompt_of(&outcome(client.await.unwrap())), n.to_string());
        }
        assert_eq!(world.upstream.batches().iter().map(Vec::len).collect::<Vec<_>>(), [50_000, 1]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn case_21_batches_above_the_hourly_number_are_created_in_the_next_hours() {
    on_one_thread(async {
        let upstream = MemoryUpstream::new(Duration::from_secs(60), "completed");
        let limits = Limits { max_requests: 1, ..SETTINGS.limits };
        let calling = Calling { batches_per_hour: 3, ..SETTINGS.calling };
        let world = World::start(upstream, Settings { limits, calling, ..SETTINGS });
        let mut clients = Vec::new();
        for n in 0..8 {
            clients.push(world.send("m", &n.to_string()).await.unwrap());
        }
        for created in [3, 6, 8] {
            pass(3590).await;
            assert_eq!(world.upstream.batches().len(), created);
            pass(20).await;
        }
        for (n, client) in clients.into_iter().enumerate() {
            assert_eq!(prompt_of(&outcome(client.await.unwrap())), n.to_string());
        }
    })
    .await;
}
