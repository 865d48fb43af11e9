//! What may go, and what must not.

use batch_gpt_actors::rules::{
    retention::{Ended, Place, Retention},
    time::{Millis, Timestamp},
};
use proptest::prelude::*;

const DAY: u64 = 86_400_000;

fn kept() -> impl Strategy<Value = Option<Millis>> {
    prop::option::of((0..40 * DAY).prop_map(Millis))
}

fn retention() -> impl Strategy<Value = Retention> {
    (kept(), kept(), kept()).prop_map(|(bodies, answers, statuses)| Retention { bodies, answers, statuses })
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![Just(Place::Nowhere), Just(Place::Unsettled), Just(Place::Settled)]
}

fn request() -> impl Strategy<Value = Ended> {
    let at = prop::option::of((0..100 * DAY).prop_map(Timestamp));
    (at, place(), any::<bool>()).prop_map(|(at, place, purged)| Ended { at, place, purged })
}

fn now() -> impl Strategy<Value = Timestamp> {
    (0..200 * DAY).prop_map(Timestamp)
}

proptest! {
    #[test]
    fn nothing_open_ever_goes(retention in retention(), request in request(), now in now()) {
        let due = retention.due(now);
        for open in [Ended { at: None, ..request }, Ended { place: Place::Unsettled, ..request }] {
            prop_assert!(!due.takes_body(&open) && !due.takes_answer(&open) && !due.takes_request(&open));
        }
        prop_assert!(!due.takes_batch(None));
    }

    #[test]
    fn nothing_goes_before_its_time(retention in retention(), request in request(), now in now()) {
        let request = Ended { purged: false, ..request };
        let due = retention.due(now);
        let old = |kept: Option<Millis>| {
            kept.zip(request.at).is_some_and(|(kept, at)| at <= now && now.since(at) > kept)
        };
        prop_assert!(!due.takes_body(&request) || old(retention.bodies));
        prop_assert!(!due.takes_answer(&request) || old(retention.answers));
        prop_assert!(!due.takes_request(&request) || old(retention.statuses));
        prop_assert!(!due.takes_batch(request.at) || old(retention.statuses));
    }

    /// A request that goes takes nothing along that was to stay.
    #[test]
    fn a_request_goes_last(retention in retention(), request in request(), now in now()) {
        let due = retention.due(now);
        prop_assert!(!due.takes_request(&request) || (due.takes_body(&request) && due.takes_answer(&request)));
    }

    #[test]
    fn what_may_go_may_go_ever_after(
        retention in retention(),
        request in request(),
        now in now(),
        later in 0..100 * DAY,
    ) {
        let (due, then) = (retention.due(now), retention.due(now + Millis(later)));
        prop_assert!(!due.takes_body(&request) || then.takes_body(&request));
        prop_assert!(!due.takes_answer(&request) || then.takes_answer(&request));
        prop_assert!(!due.takes_request(&request) || then.takes_request(&request));
        prop_assert!(!due.takes_batch(request.at) || then.takes_batch(request.at));
    }

    #[test]
    fn whatever_is_kept_for_so_long_goes_at_last(retention in retention(), at in 0..100 * DAY) {
        let over = Ended { at: Some(Timestamp(at)), place: Place::Settled, purged: false };
        let due = retention.due(Timestamp(at + 41 * DAY));
        prop_assert_eq!(due.takes_body(&over), retention.bodies.is_some());
        prop_assert_eq!(due.takes_answer(&over), retention.answers.is_some());
        prop_assert_eq!(due.takes_batch(over.at), retention.statuses.is_some());
        let limited = retention.bodies.is_some() && retention.answers.is_some() && retention.statuses.is_some();
        prop_assert_eq!(due.takes_request(&over), limited);
    }

    #[test]
    fn what_is_purged_goes_at_once_but_for_what_may_still_be_in_a_batch(at in DAY..100 * DAY) {
        let now = Timestamp(at + 1);
        let due = Retention::default().due(now);
        let purged = |place| Ended { at: Some(Timestamp(at)), place, purged: true };
        prop_assert!(due.takes_body(&purged(Place::Settled)) && due.takes_answer(&purged(Place::Settled)));
        prop_assert!(!due.takes_body(&purged(Place::Unsettled)));
        prop_assert!(!due.takes_body(&purged(Place::Nowhere)));
        let later = Retention::default().due(now + Millis(DAY));
        prop_assert!(later.takes_body(&purged(Place::Nowhere)));
        prop_assert!(!later.takes_request(&purged(Place::Settled)));
    }
}
