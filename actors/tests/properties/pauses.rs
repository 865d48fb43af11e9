use batch_gpt_actors::rules::{
    fault::Fault,
    retry::{LONGEST_PAUSE, Next, PATIENCE, Polling, next, spread},
    time::{Millis, Timestamp},
};
use proptest::prelude::*;

proptest! {
    #[test]
    fn pauses_grow_stay_bounded_and_end(attempt in 1..200u32, seed: u64, elapsed in 0..PATIENCE.0) {
        let fault = Fault::Transient("x".into());
        let Next::Again(pause) = next(&fault, attempt, Millis(elapsed), seed) else {
            return Err(TestCaseError::fail("a passing fault is tried again"));
        };
        prop_assert!(pause.0 > 0 && pause.0 <= LONGEST_PAUSE.0 + LONGEST_PAUSE.0 / 4);
        prop_assert_eq!(next(&fault, attempt, PATIENCE, seed), Next::GiveUp);
        let ambiguous = Fault::Ambiguous("x".into());
        prop_assert_eq!(next(&ambiguous, attempt, Millis(elapsed), seed), Next::Look(pause));
    }

    #[test]
    fn a_limit_is_obeyed(after in 0..3_600_000u64, attempt in 1..50u32, seed: u64) {
        let fault = Fault::Limited { retry_after: Some(Millis(after)), why: String::new() };
        let Next::Again(pause) = next(&fault, attempt, Millis(0), seed) else {
            return Err(TestCaseError::fail("a limit passes"));
        };
        prop_assert!(pause.0 >= after);
    }

    #[test]
    fn a_spread_moves_by_a_quarter_at_most(span in 0..10_000_000u64, seed: u64, round: u32) {
        let moved = spread(Millis(span), seed, round).0;
        prop_assert!(moved >= span - span / 4 && moved <= span + span / 4);
    }

    #[test]
    fn looks_thin_out_up_to_the_cap(min in 10..10_000u64, max in 1_000..600_000u64, polls in 0..1000u32, seed: u64) {
        let polling = Polling { min: Millis(min), max: Millis(max) };
        let interval = polling.next(Timestamp(0), polls, seed).0;
        let cap = max.max(min);
        prop_assert!(interval >= min - min / 4 && interval <= cap + cap / 4);
    }
}

#[test]
fn batches_do_not_come_back_at_once() {
    let fault = Fault::Transient("x".into());
    let pauses: std::collections::HashSet<u64> = (0..1000)
        .filter_map(|seed| match next(&fault, 8, Millis(0), seed) {
            Next::Again(pause) => Some(pause.0),
            _ => None,
        })
        .collect();
    assert!(pauses.len() > 500, "only {} different pauses", pauses.len());
}
