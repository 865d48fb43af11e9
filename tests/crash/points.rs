//! Each point, on each store.

use std::sync::Arc;

use batch_gpt_actors::fail_point::Point;
use tokio::{
    sync::Semaphore,
    task::{JoinSet, block_in_place},
};

use crate::{place::Place, scene::Scene};

/// Scenes at a time.
const SCENES: usize = 4;

/// Which passing of the point is the last: somewhere in the middle, where there is more than one.
fn order(point: Point) -> String {
    let passing = match point {
        Point::AcceptedBefore | Point::AcceptedAfter => 7,
        Point::DeliverBetween => 13,
        Point::ReplayAwaited | Point::ReplayOpen => 5,
        Point::SettledAfter => 2,
        _ => 1,
    };
    format!("{}:{passing}", point.name())
}

/// Where the life before ends, if the point is one that only a second life passes.
fn before(point: Point) -> Option<&'static str> {
    match point {
        Point::ReplayRead => Some("sealed.after:1"),
        Point::ReplayAwaited | Point::ReplayResumed => Some("created.after:1"),
        Point::ReplayOpen => Some("accepted.after:20"),
        _ => None,
    }
}

async fn crash(scene: &mut Scene, point: Point) -> Result<(), String> {
    let order = order(point);
    let lives = before(point).into_iter().chain([&*order]);
    let mut clients = None;
    for order in lives {
        let mut gateway = scene.gateway(Some(order));
        if clients.is_none() {
            // Who came before it serves would come again at a time of its own, and not be in the first batch.
            block_in_place(|| gateway.listens())?;
            clients = Some(scene.clients());
        }
        scene.died(&mut gateway)?;
    }
    let last = scene.gateway(None);
    scene.ends_well(last, clients.unwrap_or_default()).await
}

/// Crashes at all points, some at a time; all that went wrong is said together.
async fn crash_everywhere(mut place: impl AsyncFnMut() -> Option<Place>) {
    let turns = Arc::new(Semaphore::new(SCENES));
    let mut scenes = JoinSet::new();
    for point in Point::ALL {
        let Some(place) = place().await else { return };
        let turns = turns.clone();
        scenes.spawn(async move {
            let _turn = turns.acquire().await;
            let mut scene = Scene::new(place);
            let ended = crash(&mut scene, *point).await;
            ended.map_err(|why| format!("{}: {why}\n{}", point.name(), scene.said()))
        });
    }
    let outcomes = scenes.join_all().await;
    let passed = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let failed: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    println!("{passed} of {} points", Point::ALL.len());
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn nothing_is_lost_or_paid_twice_with_the_embedded_store() {
    crash_everywhere(async || Some(Place::embedded())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn nothing_is_lost_or_paid_twice_with_mongodb() {
    crash_everywhere(Place::mongo).await;
}

/// A point that nobody passes would make its test wait for nothing, or worse, be forgotten in a change.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn every_point_is_passed() {
    let mut scene = Scene::new(Place::embedded());
    // Two lives leave something of each kind behind: requests in no batch, and batches.
    let mut first = scene.gateway(Some("accepted.after:20"));
    let clients = scene.clients();
    scene.died(&mut first).unwrap();
    let mut second = scene.gateway(Some("created.after:1"));
    scene.died(&mut second).unwrap();
    let last = scene.gateway(None);
    scene.ends_well(last, clients).await.unwrap();
    let said = scene.said();
    let unpassed: Vec<_> = Point::ALL
        .iter()
        .map(|point| point.name())
        .filter(|name| !said.contains(&format!("passed {name}\n")))
        .collect();
    assert!(unpassed.is_empty(), "never passed: {unpassed:?}");
}
