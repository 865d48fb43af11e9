//! Schedules that broke a promise once, each as short as it could be made.

use crate::{
    op::{Arrival, Call, CallFault, Op, StoreFault},
    schedule::hold,
};

/// A client that waits for a short request of its own.
const ARRIVAL: Arrival = Arrival { client: 0, tenant: 0, model: 0, prompt: 0, padding: 0, detached: false };

/// Seed 50. A refused look for a batch that may exist ended it, and what the batch answered was lost.
#[test]
fn a_refused_look_does_not_give_up_a_batch_that_may_exist() {
    let held = hold(&[
        Op::Arrive(ARRIVAL),
        Op::Disturb { call: Call::Create, fault: CallFault::AnswerLost },
        Op::Disturb { call: Call::ListBatches, fault: CallFault::Unauthorised },
        Op::Advance { millis: 30_000 },
    ]);
    assert_eq!(held, Ok(()));
}

/// Seed 151. Its window ended after the waiting room had been emptied, so it was withdrawn.
#[test]
fn a_promised_request_in_an_open_lane_outlives_a_stop() {
    let held = hold(&[
        Op::StoreSlow { millis: 16_474 },
        Op::Arrive(Arrival { client: 1, tenant: 1, prompt: 1, padding: 300, ..ARRIVAL }),
        Op::Arrive(Arrival { client: 2, prompt: 2, padding: 100, detached: true, ..ARRIVAL }),
        Op::Restart { limit: 56, down: 8_759 },
    ]);
    assert_eq!(held, Ok(()));
}

/// Seed 325. It waited for the other one's next try, which was no try of its own.
#[test]
fn a_logger_writes_on_after_another_one_met_a_fault() {
    let held = hold(&[
        Op::Arrive(Arrival { client: 1, tenant: 1, prompt: 1, padding: 300, ..ARRIVAL }),
        Op::CrashAt { step: 23, down: 40 },
        Op::Advance { millis: 67_678 },
        Op::Arrive(Arrival { client: 3, prompt: 3, padding: 100, ..ARRIVAL }),
        Op::StoreFails(StoreFault::Before),
        Op::Advance { millis: 15_458 },
    ]);
    assert_eq!(held, Ok(()));
}

/// Seed 1255. It was created, executed and paid for although its clients had been told that it is refused.
#[test]
fn a_batch_whose_refusal_was_cut_short_by_a_crash_is_not_created() {
    let held = hold(&[
        Op::Arrive(Arrival { tenant: 1, ..ARRIVAL }),
        Op::Disturb { call: Call::Create, fault: CallFault::Unauthorised },
        Op::CrashAt { step: 11, down: 4 },
        Op::Restart { limit: 18_850, down: 3_116 },
    ]);
    assert_eq!(held, Ok(()));
}

/// Seed 21. The logger took the group for still under way, and wrote nothing any more.
#[test]
fn a_panic_in_the_store_silences_no_logger() {
    let held = hold(&[
        Op::StoreFails(StoreFault::Panic),
        Op::Arrive(Arrival { client: 1, model: 1, prompt: 1, ..ARRIVAL }),
        Op::Advance { millis: 100_481 },
    ]);
    assert_eq!(held, Ok(()));
}
