use std::sync::Arc;

use batch_gpt_actors::rules::{
    hold::{Hold, Lot, Refused, Turn},
    ids::BatchKey,
    retry::Polling,
    time::{Millis, Timestamp},
};
use proptest::{collection::vec, prelude::*};

const POLLING: Polling = Polling { min: Millis(1_000), max: Millis(60_000) };

fn model() -> Arc<str> {
    "m".into()
}

fn lot(place: u64, requests: usize, tokens: u64) -> Lot<u64> {
    Lot { turn: Turn::at(place), requests, bytes: tokens * 4, load: place }
}

/// An upstream with a limit, and the lots that it works on.
struct Upstream {
    limit: u64,
    running: Vec<(BatchKey, u64)>,
    next: u128,
}

proptest! {
    /// Whatever the sizes and the limit: every lot goes or is halved, in the order of their places, and none is lost.
    #[test]
    fn every_lot_goes_in_its_turn(sizes in vec(1..40u64, 1..12), limit in 10..60u64, told: bool) {
        let (mut hold, mut now) = (Hold::new(POLLING), Timestamp(0));
        let mut upstream = Upstream { limit, running: Vec::new(), next: 0 };
        let mut gone: Vec<u64> = Vec::new();
        let mut offered = 0;
        for (place, tokens) in (0..).zip(&sizes) {
            offered += tokens;
            if let Some(lot) = hold.offer(&model(), lot(place, *tokens as usize, *tokens)) {
                send(&mut hold, &mut upstream, lot, now, told, &mut gone);
            }
        }
        for _ in 0..2_000 {
            while let Some((_, lot)) = hold.release(now) {
                send(&mut hold, &mut upstream, lot, now, told, &mut gone);
            }
            if let Some((key, _)) = upstream.running.pop() {
                hold.ended(&model(), key);
            } else if let Some(due) = hold.next_due() {
                now = now.max(due);
            } else if hold.waiting() == 0 {
                break;
            }
        }
        prop_assert_eq!(hold.waiting(), 0);
        prop_assert_eq!(gone.len() as u64, offered, "each request went once");
        prop_assert!(gone.is_sorted(), "{gone:?}");
    }
}

/// A lot of one request for each token; what has gone is noted by its place.
fn send(
    hold: &mut Hold<u64>,
    upstream: &mut Upstream,
    lot: Lot<u64>,
    now: Timestamp,
    told: bool,
    gone: &mut Vec<u64>,
) {
    upstream.next += 1;
    let (key, tokens) = (BatchKey(upstream.next), lot.bytes / 4);
    hold.started(&model(), key, lot.bytes);
    if upstream.running.iter().map(|(_, tokens)| tokens).sum::<u64>() + tokens <= upstream.limit {
        upstream.running.push((key, tokens));
        gone.extend(std::iter::repeat_n(lot.turn.place, lot.requests));
        return;
    }
    hold.ended(&model(), key);
    match hold.refused(&model(), lot, told.then_some(upstream.limit), now) {
        Refused::Held => {}
        Refused::Halve(lot) => {
            let first = lot.requests / 2;
            for requests in [first, lot.requests - first] {
                hold.queue(&model(), Lot { requests, bytes: requests as u64 * 4, ..lot.clone() });
            }
        }
        Refused::Never(lot) => panic!("a request of one token fits below {}: {lot:?}", upstream.limit),
    }
}

#[test]
fn a_single_request_above_the_limit_is_believed_never_to_fit_after_some_trials() {
    let (mut hold, mut now) = (Hold::new(POLLING), Timestamp(0));
    let mut next = Some(lot(1, 1, 100));
    for trial in 1.. {
        let lot = next.take().unwrap();
        match hold.refused(&model(), lot, Some(50), now) {
            Refused::Held => {
                now = hold.next_due().unwrap();
                next = hold.release(now).map(|(_, lot)| lot);
            }
            Refused::Halve(_) => panic!("it cannot be halved"),
            Refused::Never(_) => {
                assert!(trial > 1, "others may have used up the limit");
                return;
            }
        }
    }
}

#[test]
fn the_pauses_between_the_trials_of_a_lone_lot_grow() {
    let (mut hold, mut now) = (Hold::new(POLLING), Timestamp(0));
    let (mut next, mut pauses) = (lot(1, 1, 100), Vec::new());
    for key in 1..8 {
        hold.started(&model(), BatchKey(key), next.bytes);
        hold.ended(&model(), BatchKey(key));
        assert_eq!(hold.release(now), None, "nothing waits while it is tried");
        assert_eq!(hold.refused(&model(), next, None, now), Refused::Held);
        let due = hold.next_due().unwrap();
        pauses.push(due.since(now));
        now = due;
        next = hold.release(now).unwrap().1;
    }
    assert!(pauses[6].0 > 4 * pauses[0].0, "{pauses:?}");
}

#[test]
fn a_model_without_a_known_limit_holds_nothing_back() {
    let mut hold = Hold::new(POLLING);
    hold.started(&model(), BatchKey(1), 1 << 30);
    assert!(hold.offer(&model(), lot(1, 1, 1 << 20)).is_some());
}
