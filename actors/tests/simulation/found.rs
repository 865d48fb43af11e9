//! Schedules that broke a promise once, each as short as it could be made.

use crate::{
    op::{Arrival, Call, CallFault, Op},
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
