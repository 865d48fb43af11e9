//! How often each route was answered, and with which class of status.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use batch_gpt_actors::rules::lane::Endpoint;

/// Classes of statuses.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Counts of responses. A route counts by its pattern, so there are no more than there are routes.
#[derive(Debug)]
pub struct Traffic {
    routes: Mutex<BTreeMap<String, [u64; CLASSES.len()]>>,
}

impl Default for Traffic {
    /// The endpoints are there from the start.
    fn default() -> Self {
        let endpoints = Endpoint::ALL
            .map(|endpoint| (endpoint.path().trim_start_matches("/v1").to_owned(), Default::default()));
        Self { routes: Mutex::new(BTreeMap::from(endpoints)) }
    }
}

impl Traffic {
    /// A response with this status has begun. `route` is the pattern of its path; the API's routes count as one with
    /// and without `/v1`.
    pub fn answered(&self, route: Option<&str>, status: u16) {
        let route = route.map_or("unknown", |route| route.strip_prefix("/v1").unwrap_or(route));
        let class = usize::from(status / 100).clamp(1, CLASSES.len()) - 1;
        let mut routes = self.routes();
        if let Some(counts) = routes.get_mut(route) {
            counts[class] += 1;
        } else {
            routes.entry(route.to_owned()).or_default()[class] += 1;
        }
    }

    /// Every route with every class and its count.
    pub fn read(&self) -> Vec<(String, &'static str, u64)> {
        let routes = self.routes();
        let counts = |(route, counts): (&String, &[u64; CLASSES.len()])| {
            let route = route.clone();
            let counts = *counts;
            (0..CLASSES.len()).map(move |class| (route.clone(), CLASSES[class], counts[class]))
        };
        routes.iter().flat_map(counts).collect()
    }

    fn routes(&self) -> MutexGuard<'_, BTreeMap<String, [u64; CLASSES.len()]>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
