//! Handlers that panic in a real gateway.

use crate::{place::Place, scene::Scene};

/// Each delivery is lost after its first client: the others are released by the stop, send again, and get what is
/// stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn after_three_panics_in_a_minute_it_stops_in_order_and_nothing_is_lost_or_paid_twice() {
    let mut scene = Scene::new(Place::embedded());
    let mut first = scene.gateway(Some("deliver.between:panic"));
    let clients = scene.clients();
    let ended = scene.gave_up(&mut first);
    assert_eq!(ended, Ok(()), "{}", scene.said());
    assert!(scene.said().contains("Collector panicked over Deliver"), "{}", scene.said());
    assert!(scene.said().contains("three handlers panicked within a minute"), "{}", scene.said());
    let second = scene.gateway(None);
    let ended = scene.ends_well(second, clients).await;
    assert_eq!(ended, Ok(()), "{}", scene.said());
}
