//! More outcomes than are held in memory.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use batch_gpt_actors::{rules::collate::Limits, system::Settings};

use crate::{
    memory_upstream::MemoryUpstream,
    world::{SETTINGS, World, on_one_thread, outcome, prompt_of},
};

const LARGE: Settings = Settings { limits: Limits { max_bytes: 100_000_000, ..SETTINGS.limits }, ..SETTINGS };

/// Six answers of a megabyte each reach their clients, out of one batch.
async fn answered(failing_puts: usize, failing_gets: usize) -> World {
    let world = World::start(MemoryUpstream::new(Duration::from_secs(60), "completed"), LARGE);
    world.spills.failing_puts.store(failing_puts, Relaxed);
    world.spills.failing_gets.store(failing_gets, Relaxed);
    let prompts: Vec<_> = ('a'..='f').map(|letter| String::from(letter).repeat(1_000_000)).collect();
    let mut clients = Vec::new();
    for prompt in &prompts {
        clients.push(world.send("m", prompt).await.unwrap());
    }
    for (client, prompt) in clients.into_iter().zip(&prompts) {
        let told = prompt_of(&outcome(client.await.unwrap()));
        assert!(told == *prompt, "another's answer, which begins with {:?}", told.chars().next());
    }
    assert_eq!(world.upstream.batches().len(), 1);
    world
}

#[tokio::test(start_paused = true)]
async fn outcomes_that_were_spilled_reach_their_clients() {
    on_one_thread(async {
        let world = answered(0, 0).await;
        assert!(world.spills.puts.load(Relaxed) > 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn without_room_on_the_disk_the_memory_has_to_do() {
    on_one_thread(async {
        answered(usize::MAX, 0).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_the_disk_does_not_give_back_is_read_upstream_once_more() {
    on_one_thread(async {
        answered(0, 2).await;
    })
    .await;
}
