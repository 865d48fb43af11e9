use std::time::Duration;

use batch_gpt_actors::rules::{fault::Fault, outcome::ApiError, record::Record, time::Millis};

use crate::{
    memory_upstream::MemoryUpstream,
    world::{SETTINGS, World, on_one_thread, outcome, prompt_of},
};

fn upstream(ends: &'static str) -> MemoryUpstream {
    MemoryUpstream::new(Duration::from_secs(20 * 3600), ends)
}

fn transient() -> Fault {
    Fault::Transient("500".into())
}

#[tokio::test(start_paused = true)]
async fn a_day_of_waiting_costs_few_looks() {
    on_one_thread(async {
        let world = World::start(upstream("completed"), SETTINGS);
        let client = world.send("m", "patience").await.unwrap();
        let began = tokio::time::Instant::now();
        assert_eq!(prompt_of(&outcome(client.await.unwrap())), "patience");
        let hours = began.elapsed().as_secs() / 3600;
        assert_eq!(hours, 20);
        let looks = world.upstream.polls();
        assert!((200..400).contains(&looks), "20 hours at 5 minutes are 240 looks, these are {looks}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn passing_faults_of_every_call_are_outlived() {
    on_one_thread(async {
        let world = World::start(upstream("completed"), SETTINGS);
        let limited = Fault::Limited { retry_after: Some(Millis(90_000)), why: "429".into() };
        world.upstream.fail("upload", vec![transient(), limited.clone()]);
        world.upstream.fail("create", vec![limited, transient()]);
        world.upstream.fail("retrieve", vec![transient(), transient()]);
        world.upstream.fail("content", vec![transient(), transient()]);
        let client = world.send("m", "still here").await.unwrap();
        assert_eq!(prompt_of(&outcome(client.await.unwrap())), "still here");
        assert_eq!(world.upstream.batches().len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_creation_whose_answer_was_lost_is_found_and_not_repeated() {
    on_one_thread(async {
        let world = World::start(upstream("completed"), SETTINGS);
        world.upstream.fail("create", vec![Fault::Ambiguous("cut".into())]);
        let client = world.send("m", "once").await.unwrap();
        assert_eq!(outcome(client.await.unwrap()).status, 200);
        assert_eq!(world.upstream.batches().len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_the_upstream_refuses_is_told_to_its_clients() {
    on_one_thread(async {
        let world = World::start(upstream("completed"), SETTINGS);
        let error = ApiError::new("invalid_request_error", Some("invalid_value"), "no such endpoint");
        world.upstream.fail("create", vec![Fault::Permanent { status: 400, error }]);
        let client = world.send("m", "poor").await.unwrap();
        let outcome = outcome(client.await.unwrap());
        assert_eq!(outcome.status, 400);
        assert!(std::str::from_utf8(&outcome.body).unwrap().contains("no such endpoint"));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(world.store.count(|record| matches!(record, Record::Settled { .. })), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_gateways_refused_key_is_not_shown_to_clients_as_theirs() {
    on_one_thread(async {
        let world = World::start(upstream("completed"), SETTINGS);
        let error =
            ApiError::new("invalid_request_error", Some("invalid_api_key"), "Incorrect key sk-secret");
        world.upstream.fail("upload", vec![Fault::Permanent { status: 401, error }]);
        let client = world.send("m", "x").await.unwrap();
        let outcome = outcome(client.await.unwrap());
        assert_eq!(outcome.status, 502);
        assert!(!std::str::from_utf8(&outcome.body).unwrap().contains("sk-secret"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_batch_answers_everybody() {
    on_one_thread(async {
        let world = World::start(upstream("failed"), SETTINGS);
        let clients = [world.send("m", "a").await.unwrap(), world.send("m", "b").await.unwrap()];
        for client in clients {
            assert_eq!(outcome(client.await.unwrap()).status, 400);
        }
    })
    .await;
}
