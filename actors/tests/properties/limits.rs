use batch_gpt_actors::rules::{
    fault::Fault,
    ids::{BatchKey, RequestId},
    leftover::{Leftover, Why},
    outcome::ApiError,
    pace::Pace,
    rate::Rate,
    resend::{Families, Lineage, Onward},
    time::{Millis, Timestamp},
};
use proptest::{collection::vec, prelude::*};

proptest! {
    /// In no hour are there more creations than allowed, and a pause that was told is long enough.
    #[test]
    fn an_hour_holds_so_many_creations_at_most(per_hour in 1..5usize, pauses in vec(0..4_000_000u64, 1..60)) {
        let mut rate = Rate::new(per_hour);
        let (mut now, mut taken) = (Timestamp(0), Vec::new());
        for pause in pauses {
            now = now + Millis(pause);
            if let Err(wait) = rate.take(now) {
                now = now + wait;
                prop_assert!(rate.take(now).is_ok());
            }
            taken.push(now);
        }
        for window in taken.windows(per_hour + 1) {
            prop_assert!(window[per_hour].since(window[0]) >= Millis(3_600_000));
        }
    }
}

#[test]
fn a_limit_that_one_call_meets_holds_for_all() {
    let (mut pace, now) = (Pace::default(), Timestamp(1_000));
    assert_eq!(pace.wait(now), None);
    let asked = Fault::Limited { retry_after: Some(Millis(30_000)), why: String::new() };
    for _ in 0..32 {
        pace.met(&asked, now, 7);
    }
    assert_eq!(pace.wait(now), Some(Millis(30_000)));
    assert_eq!(pace.wait(now + Millis(30_000)), None);
    pace.met(&Fault::Transient("500".into()), now + Millis(30_000), 7);
    assert_eq!(pace.wait(now + Millis(30_000)), None, "only a limit concerns the others");
}

#[test]
fn limits_without_a_time_make_pauses_that_grow_until_a_call_goes_well() {
    let (mut pace, mut now) = (Pace::default(), Timestamp(0));
    let limited = Fault::Limited { retry_after: None, why: String::new() };
    let mut pauses = Vec::new();
    for _ in 0..5 {
        pace.met(&limited, now, 7);
        let pause = pace.wait(now).unwrap();
        now = now + pause;
        pauses.push(pause);
    }
    assert!(pauses[4].0 > pauses[0].0 * 4, "{pauses:?}");
    pace.succeeded();
    pace.met(&limited, now, 7);
    assert!(pace.wait(now).unwrap().0 < pauses[4].0);
}

fn unexplained(requests: usize) -> Leftover {
    let error = ApiError::new("invalid_request_error", Some("odd"), "no reason");
    let requests = (0..requests as u128).map(|n| (RequestId(n), 0)).collect();
    Leftover { requests, why: Why::Unexplained(error) }
}

proptest! {
    /// One line to blame among many is found, whoever it is, and nobody else is blamed.
    #[test]
    fn the_one_to_blame_is_found_by_halving(requests in 1..3_000usize, at in 0..3_000usize) {
        let culprit = at % requests;
        let mut families = Families::default();
        let mut batches = vec![(0..requests, Lineage::default())];
        let (mut blamed, mut made) = (Vec::new(), 0u128);
        while let Some((part, lineage)) = batches.pop() {
            made += 1;
            prop_assert!(made < 100);
            if !part.contains(&culprit) {
                families.leaves(lineage);
                continue;
            }
            match families.decide(BatchKey(made), &unexplained(part.len()), lineage) {
                Onward::Answer(outcome) => {
                    prop_assert_eq!(outcome.status, 400);
                    blamed.push(part.clone());
                }
                Onward::Again(lineage, _) => {
                    families.joins(lineage);
                    batches.push((part.clone(), lineage));
                }
                Onward::Halves(lineage) => {
                    let middle = part.start + part.len() / 2;
                    for half in [part.start..middle, middle..part.end] {
                        families.joins(lineage);
                        batches.push((half, lineage));
                    }
                }
                other => panic!("{other:?}"),
            }
            families.leaves(lineage);
        }
        prop_assert_eq!(blamed, vec![culprit..culprit + 1]);
    }

    /// An upstream that refuses everything does not get batches for ever.
    #[test]
    fn halving_is_bounded(requests in 1..50_000usize) {
        let mut families = Families::default();
        let mut batches = vec![(requests, Lineage::default())];
        let (mut answered, mut made) = (0, 0u128);
        while let Some((part, lineage)) = batches.pop() {
            made += 1;
            match families.decide(BatchKey(made), &unexplained(part), lineage) {
                Onward::Answer(_) => answered += part,
                Onward::Again(lineage, _) => {
                    families.joins(lineage);
                    batches.push((part, lineage));
                }
                Onward::Halves(lineage) => {
                    for half in [part / 2, part - part / 2] {
                        families.joins(lineage);
                        batches.push((half, lineage));
                    }
                }
                other => panic!("{other:?}"),
            }
            families.leaves(lineage);
        }
        prop_assert_eq!(answered, requests);
        prop_assert!(made <= 300, "{made} batches");
    }
}

#[test]
fn a_batch_refused_for_a_passing_reason_is_made_again_for_a_while() {
    let error = ApiError::new("invalid_request_error", Some("invalid_request"), "Cannot find file");
    let leftover = Leftover { requests: vec![(RequestId(1), 0)], why: Why::Passing(error) };
    let (mut families, mut lineage) = (Families::default(), Lineage::default());
    for tries in 0.. {
        match families.decide(BatchKey(1), &leftover, lineage) {
            Onward::Again(next, pause) => {
                assert!(pause.0 > 0);
                lineage = next;
            }
            Onward::Answer(outcome) => {
                assert_eq!(outcome.status, 502);
                assert!(tries > 3);
                return;
            }
            other => panic!("{other:?}"),
        }
    }
}
