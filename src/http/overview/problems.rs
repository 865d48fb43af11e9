//! What somebody should see to.

use batch_gpt_actors::{rules::overview::Overview, system::System};
use serde::Serialize;

/// Lanes that are named one by one.
const NAMED: usize = 20;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Which, in a word.
    pub kind: &'static str,
    /// What is wrong, for people.
    pub message: String,
}

/// The problems of this moment. What the upstream said is for an administrator: it speaks of the gateway's own key.
pub fn of(system: &System, known: &Overview, administrator: bool) -> Vec<Problem> {
    let problem = |kind, message| Problem { kind, message };
    let mut problems = Vec::new();
    if !system.store_works() {
        let message = "The store takes no records; new requests are refused.";
        problems.push(problem("store_down", message.into()));
    }
    if let Some(words) = system.upstream_trouble() {
        let message = match administrator {
            true => format!("The upstream has trouble {words}"),
            false => "The upstream has trouble.".into(),
        };
        problems.push(problem("upstream_trouble", message));
    }
    if known.overdue > 0 {
        let message = format!("Batches that take longer than 24 hours: {}.", known.overdue);
        problems.push(problem("batches_overdue", message));
    }
    let held = known.lanes.iter().filter(|(_, tally)| tally.counts.waiting > 0);
    problems.extend(held.take(NAMED).map(|(lane, tally)| {
        let (waiting, model) = (tally.counts.waiting, &lane.model);
        let message = format!("{waiting} requests for {model} wait until there is room upstream.");
        problem("lane_held", message)
    }));
    problems
}
