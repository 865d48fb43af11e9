//! A message of the test's own makes a real actor panic.

use std::time::Duration;

use batch_gpt_actors::{
    cell::{Gone, Letter, Mail, Receive},
    collector::Collector,
};

use crate::{
    memory_upstream::MemoryUpstream,
    world::{SETTINGS, World, on_one_thread, outcome},
};

struct Explode;

impl Letter for Explode {
    const NAME: &'static str = "Explode";
    type Reply = ();
}

impl Receive<Explode> for Collector {
    fn receive(&mut self, _: Explode, _: &Mail<Self>) {
        panic!("on purpose");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_its_message_and_nothing_else() {
    on_one_thread(async {
        let world = World::start(MemoryUpstream::new(Duration::from_secs(8), "completed"), SETTINGS);
        let client = world.send("m", "survivor").await.unwrap();
        let collector = &world.system.collectors.members()[0];
        assert_eq!(collector.ask(Explode).await, Err(Gone));
        assert_eq!(outcome(client.await.unwrap()).status, 200);
        let reading = collector.meter().read();
        assert_eq!((reading.panics, reading.by_message["Explode"], reading.depth), (1, 1, 0));
        assert!(!*world.system.board.distrust().borrow());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn three_panics_in_a_minute_are_too_many() {
    on_one_thread(async {
        let world = World::start(MemoryUpstream::new(Duration::from_secs(8), "completed"), SETTINGS);
        let collector = &world.system.collectors.members()[0];
        for _ in 0..3 {
            assert_eq!(collector.ask(Explode).await, Err(Gone));
        }
        assert!(*world.system.board.distrust().borrow());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_sender_left_is_counted_and_not_handled() {
    on_one_thread(async {
        let world = World::start(MemoryUpstream::new(Duration::from_secs(8), "completed"), SETTINGS);
        let collector = &world.system.collectors.members()[0];
        let mut asking = Box::pin(collector.ask(Explode));
        // Polled once, the message is in the mailbox; the actor has had no turn yet.
        assert!(futures_util::poll!(&mut asking).is_pending());
        drop(asking);
        tokio::time::sleep(Duration::from_millis(1)).await;
        let reading = collector.meter().read();
        assert_eq!((reading.cancelled, reading.panics, reading.peak, reading.depth), (1, 0, 1, 0));
    })
    .await;
}
