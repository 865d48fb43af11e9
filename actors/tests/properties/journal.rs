use std::sync::Arc;

use batch_gpt_actors::rules::{
    fingerprint::Fingerprint,
    ids::{BatchKey, FileId, RequestId},
    lane::{Endpoint, Lane, Tenant},
    outcome::{Origin, Outcome},
    overview::Overview,
    record::{Accepted, Progress, Record, replay},
    tally::Tally,
    terms::Keeping,
    time::Timestamp,
    upstream_batch::UpstreamBatch,
};
use proptest::{collection::vec, prelude::*};

fn lane() -> Arc<Lane> {
    Arc::new(Lane { tenant: Tenant::anonymous(), endpoint: Endpoint::ChatCompletions, model: "m".into() })
}

fn upstream(status: &str) -> UpstreamBatch {
    UpstreamBatch::parse(&format!(r#"{{"id":"batch_1","status":"{status}"}}"#)).unwrap()
}

fn outcome() -> Outcome {
    Outcome { status: 200, body: "{}".into(), origin: Origin::Upstream }
}

/// The journal of a life in which batches of two are sealed from ten requests and come to different ends.
fn journal(withdrawn: &[bool]) -> Vec<Record> {
    let at = Timestamp(1);
    let mut records = Vec::new();
    for n in 0..10u128 {
        let id = RequestId(n);
        let fingerprint = Fingerprint([n as u8; 32]);
        let keeping = Keeping::default();
        let request = Accepted { id, lane: lane(), fingerprint, at, attempts: 0, keeping };
        records.push(Record::Accepted { request, body: "{}".into() });
        if withdrawn[n as usize] {
            records.push(Record::Withdrawn { id, at });
        }
    }
    let taken: Vec<RequestId> = (0..10).filter(|n| !withdrawn[*n as usize]).map(RequestId).collect();
    for (n, requests) in taken.chunks(2).enumerate() {
        let key = BatchKey(n as u128);
        records.push(Record::Sealed { key, lane: lane(), requests: requests.into(), at });
        records.push(Record::Uploaded { key, file: FileId::from("file-1"), at });
        records.push(Record::Created { key, batch: upstream("validating"), at });
        records.push(Record::Observed { key, batch: upstream("completed"), at });
        for id in requests {
            records.push(Record::Answered { key, outcomes: [(*id, outcome())].into(), at });
        }
        records.push(Record::Settled { key, returned: Arc::new([]), spent: Arc::new([]), at });
    }
    records
}

proptest! {
    /// Whatever prefix a crash leaves: each request is open, awaited by a batch, or at its end, and never two.
    #[test]
    fn every_prefix_accounts_for_every_request(withdrawn in vec(any::<bool>(), 10), cut in 0..70usize) {
        let mut records = journal(&withdrawn);
        records.truncate(cut);
        let found = replay(records.clone());
        for n in 0..10u128 {
            let id = RequestId(n);
            let accepted = records.iter().any(|r| matches!(r, Record::Accepted { request, .. } if request.id == id));
            let ended = records.iter().any(|r| match r {
                Record::Withdrawn { id: gone, .. } => *gone == id,
                Record::Answered { outcomes, .. } => outcomes.iter().any(|(answered, _)| *answered == id),
                _ => false,
            });
            let sealed = records.iter().any(|r| matches!(r, Record::Sealed { requests, .. } if requests.contains(&id)));
            prop_assert_eq!(found.open.iter().any(|r| r.id == id), accepted && !ended && !sealed);
            prop_assert_eq!(found.awaited.iter().any(|r| r.id == id), accepted && !ended && sealed);
        }
        for batch in &found.batches {
            let settled = records.iter().any(|r| matches!(r, Record::Settled { key, .. } if *key == batch.key));
            prop_assert!(!settled);
            prop_assert!(batch.answered.iter().all(|id| batch.requests.contains(id)));
        }
        let sealed = records.iter().filter(|r| matches!(r, Record::Sealed { .. })).count();
        let settled = records.iter().filter(|r| matches!(r, Record::Settled { .. })).count();
        prop_assert_eq!(found.batches.len(), sealed - settled);
    }

    #[test]
    fn a_record_written_twice_counts_once(withdrawn in vec(any::<bool>(), 10), cut in 0..70usize) {
        let mut records = journal(&withdrawn);
        records.truncate(cut);
        let twice = records.iter().flat_map(|record| [record.clone(), record.clone()]);
        prop_assert_eq!(replay(records.clone()), replay(twice));
    }
}

#[test]
fn a_late_record_of_an_early_step_takes_nothing_back() {
    let mut records = journal(&[false; 10]);
    records.truncate(13);
    let late = Record::Uploaded { key: BatchKey(0), file: FileId::from("file-2"), at: Timestamp(9) };
    let found = replay(records.into_iter().chain([late]));
    assert!(matches!(found.batches[0].progress, Progress::Created(_)));
}

#[test]
fn a_request_that_a_settled_batch_left_without_an_outcome_is_open_again() {
    let records = journal(&[false; 10]).into_iter().filter(|record| match record {
        Record::Answered { outcomes, .. } => outcomes[0].0 != RequestId(3),
        _ => true,
    });
    let found = replay(records);
    assert_eq!(found.open.iter().map(|request| request.id).collect::<Vec<_>>(), [RequestId(3)]);
    assert!(found.awaited.is_empty() && found.batches.is_empty());
}

#[test]
fn a_request_that_comes_back_counts_its_sendings_in_every_later_batch() {
    let at = Timestamp(2);
    let mut records = journal(&[false; 10]);
    records.retain(|record| match record {
        Record::Answered { outcomes, .. } => outcomes[0].0 != RequestId(3),
        Record::Settled { key, .. } => *key != BatchKey(1),
        _ => true,
    });
    let returned = Arc::new([(RequestId(3), 1)]);
    records.push(Record::Settled { key: BatchKey(1), returned, spent: Arc::new([]), at });
    let found = replay(records.clone());
    assert_eq!(found.open.iter().map(|it| (it.id, it.attempts)).collect::<Vec<_>>(), [(RequestId(3), 1)]);
    let (key, requests) = (BatchKey(77), Arc::new([RequestId(3)]));
    records.push(Record::Sealed { key, lane: lane(), requests, at });
    records.push(Record::Cancelled { key, at });
    let found = replay(records);
    assert!(found.open.is_empty());
    assert_eq!(found.awaited[0].attempts, 1);
    assert_eq!(found.batches[0].attempts.of(&RequestId(3)), 1);
    assert!(found.batches[0].cancelled);
}

/// What a tally holds of what is under way: requests in no batch, requests in one, and batches.
fn under_way(tally: &Tally) -> (u64, u64, u64) {
    let known = Overview::of(tally, None, Timestamp(2));
    (known.sum.counts.open, known.sum.counts.in_batch, known.batches.values().sum())
}

proptest! {
    /// Whoever counted along knows as much of what is under way as a restart finds, and no request is counted twice or
    /// lost, however often a record comes.
    #[test]
    fn counting_along_and_a_restart_find_the_same(
        withdrawn in vec(any::<bool>(), 10),
        given_back in vec(any::<bool>(), 5),
        cut in 0..70usize,
        twice in any::<bool>(),
    ) {
        let mut records = journal(&withdrawn);
        let is_given_back = |key: &BatchKey| given_back.get(key.0 as usize) == Some(&true);
        records.retain(|record| !matches!(record, Record::Answered { key, .. } if is_given_back(key)));
        let taken: Vec<_> = (0..10).filter(|n| !withdrawn[*n as usize]).map(RequestId).collect();
        for record in &mut records {
            if let Record::Settled { key, returned, .. } = record
                && is_given_back(key)
                && let Some(requests) = taken.chunks(2).nth(key.0 as usize)
            {
                *returned = requests.iter().map(|id| (*id, 1)).collect();
            }
        }
        records.truncate(cut);
        let mut along = Tally::default();
        for record in &records {
            along.note(record);
            if twice {
                along.note(record);
            }
        }
        let mut found = Tally::default();
        found.found(&replay(records));
        prop_assert_eq!(under_way(&along), under_way(&found));
        let all = Overview::of(&along, None, Timestamp(2)).sum.counts;
        prop_assert_eq!(
            all.accepted,
            all.open + all.in_batch + all.answered + all.failed + all.withdrawn
        );
    }
}
