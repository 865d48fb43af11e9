use std::time::Duration;

use batch_gpt_actors::{
    rules::{collate::Limits, record::Record},
    waiting_room::{Client, ComesAgain, Delivery},
};
use tokio::sync::oneshot;

use crate::{
    memory_upstream::MemoryUpstream,
    world::{SETTINGS, World, on_one_thread, outcome, pass, prompt_of},
};

fn upstream() -> MemoryUpstream {
    MemoryUpstream::new(Duration::from_secs(3600), "completed")
}

#[tokio::test(start_paused = true)]
async fn a_window_becomes_one_batch_and_everybody_gets_the_own_answer() {
    on_one_thread(async {
        let world = World::start(upstream(), SETTINGS);
        let mut clients = Vec::new();
        for n in 0..50 {
            clients.push(world.send("m", &format!("question {n}")).await.unwrap());
        }
        for (n, client) in clients.into_iter().enumerate() {
            let outcome = outcome(client.await.unwrap());
            assert_eq!((outcome.status, prompt_of(&outcome)), (200, format!("question {n}")));
        }
        assert_eq!(world.upstream.batches().iter().map(Vec::len).collect::<Vec<_>>(), [50]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_lane_is_sealed_when_its_window_ends_and_not_before() {
    on_one_thread(async {
        let world = World::start(upstream(), SETTINGS);
        let _first = world.send("m", "early").await.unwrap();
        pass(4).await;
        let _second = world.send("m", "late").await.unwrap();
        assert!(world.upstream.batches().is_empty());
        pass(2).await;
        assert_eq!(world.upstream.batches().iter().map(Vec::len).collect::<Vec<_>>(), [2]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn models_never_share_a_file() {
    on_one_thread(async {
        let world = World::start(upstream(), SETTINGS);
        let mut clients = Vec::new();
        for n in 0..30 {
            clients.push(world.send(&format!("m{}", n % 3), &format!("{n}")).await.unwrap());
        }
        pass(10).await;
        let batches = world.upstream.batches();
        assert_eq!(batches.len(), 3);
        for batch in batches {
            assert_eq!(batch.len(), 10);
            assert!(batch.iter().all(|line| line["body"]["model"] == batch[0]["body"]["model"]));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_full_lane_does_not_wait_for_its_window() {
    on_one_thread(async {
        let limits = Limits { max_requests: 10, ..SETTINGS.limits };
        let world = World::start(upstream(), batch_gpt_actors::system::Settings { limits, ..SETTINGS });
        let mut clients = Vec::new();
        for n in 0..25 {
            clients.push(world.send("m", &format!("{n}")).await.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(world.upstream.batches().iter().map(Vec::len).collect::<Vec<_>>(), [10, 10]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_leaves_before_the_sealing_is_not_sent() {
    on_one_thread(async {
        let world = World::start(upstream(), SETTINGS);
        let mut clients = Vec::new();
        for n in 0..40 {
            clients.push(world.send("m", &format!("{n}")).await.unwrap());
        }
        pass(1).await;
        let mut number = 0;
        clients.retain(|_| {
            number += 1;
            number % 4 != 0
        });
        pass(10).await;
        assert_eq!(world.upstream.batches().iter().map(Vec::len).collect::<Vec<_>>(), [30]);
        assert_eq!(world.store.count(|record| matches!(record, Record::Withdrawn { .. })), 10);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_is_told_to_come_again_is_sent_and_finds_the_line() {
    on_one_thread(async {
        let world = World::start(upstream(), SETTINGS);
        for (prompt, told) in [("told", true), ("left", false)] {
            let (reply, delivery) = oneshot::channel();
            let comes_again = ComesAgain::perhaps();
            let client = Client::Returning(reply, comes_again.clone());
            world.seat("m", prompt, false, client).await.unwrap();
            if told {
                comes_again.promise();
            }
            drop(delivery);
        }
        // Who comes again in time and leaves without a word was promised an answer all the same.
        drop(world.send_as("m", "told", true).await.unwrap());
        pass(10).await;
        assert_eq!(world.upstream.batches().iter().map(Vec::len).collect::<Vec<_>>(), [1]);
        let again = world.send_as("m", "told", true).await.unwrap();
        assert_eq!(prompt_of(&outcome(again.await.unwrap())), "told");
        assert_eq!(world.upstream.batches().len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_everybody_left_makes_no_batch() {
    on_one_thread(async {
        let world = World::start(upstream(), SETTINGS);
        drop(world.send("m", "never mind").await.unwrap());
        pass(60).await;
        assert!(world.upstream.batches().is_empty());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_resent_request_joins_its_first_sending_and_a_strangers_does_not() {
    on_one_thread(async {
        let world = World::start(upstream(), SETTINGS);
        let gone = world.send_as("m", "same", false).await.unwrap();
        let second = world.send_as("m", "same", false).await.unwrap();
        pass(10).await;
        let lines = world.upstream.batches();
        assert_eq!(lines[0].len(), 2, "two deliberate equal requests are two lines");
        drop(gone);
        let third = world.send_as("m", "same", true).await.unwrap();
        for (client, line) in [(third, &lines[0][0]), (second, &lines[0][1])] {
            let Delivery::Answered { id, outcome, .. } = client.await.unwrap() else {
                panic!("no answer");
            };
            assert_eq!((outcome.status, id.to_string().as_str()), (200, line["custom_id"].as_str().unwrap()));
        }
        assert_eq!(world.upstream.batches().len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_resent_request_that_is_settled_gets_its_stored_outcome() {
    on_one_thread(async {
        let world = World::start(upstream(), SETTINGS);
        let gone = world.send("m", "same").await.unwrap();
        pass(10).await;
        drop(gone);
        pass(7200).await;
        let again = world.send_as("m", "same", true).await.unwrap();
        assert_eq!(prompt_of(&outcome(again.await.unwrap())), "same");
        let other = world.send_as("m", "other", true).await.unwrap();
        assert_eq!(prompt_of(&outcome(other.await.unwrap())), "other");
        let lines: Vec<usize> = world.upstream.batches().iter().map(Vec::len).collect();
        assert_eq!(lines, [1, 1]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_old_failure_is_tried_anew_and_an_old_answer_grows_old_too() {
    on_one_thread(async {
        for (ends, kept_for, first) in [("failed", 3600, 400), ("completed", 24 * 3600, 200)] {
            let world = World::start(MemoryUpstream::new(Duration::from_secs(60), ends), SETTINGS);
            assert_eq!(outcome(world.send("m", "same").await.unwrap().await.unwrap()).status, first);
            pass(kept_for - 600).await;
            let again = world.send_as("m", "same", true).await.unwrap();
            assert_eq!(outcome(again.await.unwrap()).status, first);
            // A batch that fails for no reason is made twice before its one line is to blame.
            let once = if first == 400 { 2 } else { 1 };
            assert_eq!(world.upstream.batches().len(), once);
            pass(1200).await;
            let anew = world.send_as("m", "same", true).await.unwrap();
            assert_eq!(outcome(anew.await.unwrap()).status, first);
            assert_eq!(world.upstream.batches().len(), 2 * once);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn bodies_that_find_no_room_in_memory_reach_the_file_out_of_the_store() {
    on_one_thread(async {
        let world = World::start(upstream(), SETTINGS);
        let prompts: Vec<String> = (0..50).map(|n| format!("{n} {}", "x".repeat(1_000))).collect();
        let mut clients = Vec::new();
        for prompt in &prompts {
            clients.push(world.send("m", prompt).await.unwrap());
        }
        for (client, prompt) in clients.into_iter().zip(&prompts) {
            assert_eq!(&prompt_of(&outcome(client.await.unwrap())), prompt);
        }
        assert_eq!(world.upstream.batches().len(), 1);
        const { assert!(SETTINGS.room < 50 * 1_000) };
    })
    .await;
}
