//! How far schedules come: a simulation that never comes to an end of some kind says nothing about it.

use std::collections::BTreeSet;

use batch_gpt_actors::rules::record::Record;

use crate::{books::Books, factory::Factory, generate::schedule, ledger::Result, schedule::reach};

/// What happened to the requests of a schedule, in words.
pub fn places(books: &Books, factory: &Factory) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for request in books.requests() {
        let id = request.accepted.id;
        let trials = factory.ledger.trials(id);
        let executed = trials.iter().filter(|trial| trial.executed).count();
        let refused = trials.iter().filter(|trial| matches!(trial.result, Result::Refused { .. })).count();
        places.insert(format!("executed {executed} times"));
        places.insert(format!("in {} refused batches", refused.min(3)));
        if let Some((outcome, _)) = books.outcome(id) {
            places.insert(format!("{} by the {:?}", outcome.status, outcome.origin));
            places.insert(format!("{} after {} trials", outcome.status, trials.len()));
        }
    }
    let kinds = books.records().into_iter().filter_map(|record| match record {
        Record::Withdrawn { .. } => Some("withdrawn"),
        Record::Cancelled { .. } => Some("cancelled"),
        Record::Settled { returned, .. } if !returned.is_empty() => Some("given back"),
        Record::FilesRemoved { .. } => Some("files removed"),
        _ => None,
    });
    places.extend(kinds.map(String::from));
    places
}

#[test]
fn schedules_reach_every_kind_of_end() {
    let reached: BTreeSet<String> = (0..1_000).flat_map(|seed| reach(&schedule(seed)).unwrap()).collect();
    let wanted = [
        "200 after 1 trials",
        "200 after 3 trials",
        "400 by the Upstream",
        "400 by the Gateway",
        "500 by the Upstream",
        "502 after 3 trials",
        // Its batch neither ended nor could be ended.
        "504 after 0 trials",
        "executed 3 times",
        "in 3 refused batches",
        "given back",
        "files removed",
        "cancelled",
        "withdrawn",
    ];
    let missed: Vec<&str> = wanted.into_iter().filter(|place| !reached.contains(*place)).collect();
    assert!(missed.is_empty(), "{missed:?} is not in {reached:#?}");
}
