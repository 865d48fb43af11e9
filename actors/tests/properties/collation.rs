use std::{collections::HashMap, sync::Arc};

use batch_gpt_actors::rules::{
    collate::{Collation, Limits, Reason, Sealed, TooLarge, Weight},
    lane::{Endpoint, Lane, Tenant},
    time::{Millis, Timestamp},
};
use proptest::{collection::vec, prelude::*};

#[derive(Debug, Clone, PartialEq)]
struct Item {
    number: usize,
    lane: usize,
    bytes: u64,
    inputs: usize,
    offered: Timestamp,
    gone: bool,
}

impl Weight for Item {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn inputs(&self) -> usize {
        self.inputs
    }
}

#[derive(Debug, Clone)]
enum Op {
    Offer { lane: usize, bytes: u64, inputs: usize, gone: bool },
    Pass(u64),
    Timer,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..4usize, 1..60u64, 0..12usize, any::<bool>())
            .prop_map(|(lane, bytes, inputs, gone)| Op::Offer { lane, bytes, inputs, gone }),
        2 => (0..300u64).prop_map(Op::Pass),
        2 => Just(Op::Timer),
    ]
}

fn lane(number: usize) -> Arc<Lane> {
    Arc::new(Lane {
        tenant: Tenant(format!("t{}", number % 2).as_str().into()),
        endpoint: Endpoint::ChatCompletions,
        model: format!("m{number}").as_str().into(),
    })
}

const LIMITS: Limits =
    Limits { max_requests: 5, max_bytes: 100, max_inputs: MOST_INPUTS, window: Millis(200) };
const LARGEST: u64 = 50;
const MOST_INPUTS: usize = 10;

struct Run {
    collation: Collation<Item>,
    now: Timestamp,
    sealed: Vec<(Timestamp, Sealed<Item>)>,
    refused: Vec<Item>,
    offered: Vec<Item>,
}

fn run(ops: &[Op]) -> Run {
    let limits = Limits { max_bytes: LARGEST, ..LIMITS };
    let mut run = Run {
        collation: Collation::new(limits),
        now: Timestamp(1_000),
        sealed: Vec::new(),
        refused: Vec::new(),
        offered: Vec::new(),
    };
    for op in ops {
        match *op {
            Op::Offer { lane: number, bytes, inputs, gone } => {
                let item =
                    Item { number: run.offered.len(), lane: number, bytes, inputs, offered: run.now, gone };
                run.offered.push(item.clone());
                match run.collation.offer(run.now, &lane(number), item) {
                    Ok(sealed) => run.sealed.extend(sealed.into_iter().map(|sealed| (run.now, sealed))),
                    Err(TooLarge(item)) => run.refused.push(item),
                }
            }
            Op::Pass(millis) => {
                // A timer is set to the next due time, so time never passes one without being looked at.
                let end = run.now + Millis(millis);
                while let Some(due) = run.collation.next_due().filter(|due| *due <= end) {
                    run.now = due;
                    run.sealed.extend(run.collation.due(due).into_iter().map(|sealed| (due, sealed)));
                }
                run.now = end;
            }
            Op::Timer => {
                let sealed = run.collation.due(run.now);
                run.sealed.extend(sealed.into_iter().map(|sealed| (run.now, sealed)));
            }
        }
    }
    run
}

proptest! {
    /// Offered = sealed ⊎ open ⊎ refused ⊎ pruned.
    #[test]
    fn nothing_is_lost_and_nothing_comes_twice(ops in vec(op(), 0..120)) {
        let mut run = run(&ops);
        let open = run.collation.open_items();
        let drained = run.collation.seal_all();
        prop_assert_eq!(drained.iter().map(|sealed| sealed.items.len()).sum::<usize>(), open);
        prop_assert_eq!(run.collation.next_due(), None);
        prop_assert_eq!(run.collation.open_lanes(), 0);
        let mut numbers: Vec<usize> = run.refused.iter().map(|item| item.number).collect();
        for mut sealed in run.sealed.into_iter().map(|(_, sealed)| sealed).chain(drained) {
            let pruned = sealed.prune(|item| item.gone);
            prop_assert!(pruned.iter().all(|item| item.gone) && sealed.items.iter().all(|item| !item.gone));
            numbers.extend(pruned.iter().chain(&sealed.items).map(|item| item.number));
        }
        numbers.sort_unstable();
        prop_assert_eq!(numbers, (0..run.offered.len()).collect::<Vec<_>>());
        prop_assert!(run.refused.iter().all(|item| item.bytes > LARGEST || item.inputs > MOST_INPUTS));
    }

    #[test]
    fn a_sealed_batch_keeps_its_limits_its_lane_and_its_order(ops in vec(op(), 0..120)) {
        for (_, sealed) in run(&ops).sealed {
            prop_assert!(!sealed.items.is_empty() && sealed.items.len() <= LIMITS.max_requests);
            prop_assert!(sealed.items.iter().map(|item| item.bytes).sum::<u64>() <= LARGEST);
            prop_assert!(sealed.items.iter().map(|item| item.inputs).sum::<usize>() <= MOST_INPUTS);
            prop_assert!(sealed.items.iter().all(|item| lane(item.lane) == sealed.lane));
            prop_assert!(sealed.items.windows(2).all(|pair| pair[0].number < pair[1].number));
        }
    }

    #[test]
    fn nobody_waits_past_the_window(ops in vec(op(), 0..120)) {
        let run = run(&ops);
        for (at, sealed) in &run.sealed {
            prop_assert!(sealed.items.iter().all(|item| at.since(item.offered) <= LIMITS.window));
            if sealed.reason == Reason::Window {
                prop_assert_eq!(at.since(sealed.items[0].offered), LIMITS.window);
            }
        }
        prop_assert!(run.collation.next_due().is_none_or(|due| due.since(run.now) <= LIMITS.window));
    }

    /// Each trigger alone: a full lane is sealed by the request that fills it, a too heavy one by the next.
    #[test]
    fn count_and_bytes_seal_at_once(count in 1..40usize, bytes in 1..=LARGEST) {
        let ops = vec![Op::Offer { lane: 0, bytes, inputs: 0, gone: false }; count];
        let run = run(&ops);
        let per_batch = (LARGEST / bytes).min(LIMITS.max_requests as u64) as usize;
        let by_count = per_batch == LIMITS.max_requests;
        let expected = if by_count { count / per_batch } else { (count - 1) / per_batch };
        prop_assert_eq!(run.sealed.len(), expected);
        let reason = if by_count { Reason::Count } else { Reason::Bytes };
        prop_assert!(run.sealed.iter().all(|(_, sealed)| sealed.reason == reason));
    }

    /// Fewer lines and bytes than a file may hold can still be more texts than a batch may have embedded.
    #[test]
    fn inputs_seal_at_once(count in 1..40usize, inputs in 3..=MOST_INPUTS) {
        let ops = vec![Op::Offer { lane: 0, bytes: 1, inputs, gone: false }; count];
        let run = run(&ops);
        prop_assert_eq!(run.sealed.len(), (count - 1) / (MOST_INPUTS / inputs));
        prop_assert!(run.sealed.iter().all(|(_, sealed)| sealed.reason == Reason::Inputs));
    }
}

#[test]
fn lanes_of_one_model_and_two_tenants_stay_apart() {
    let mut collation = Collation::new(LIMITS);
    let mut by_lane: HashMap<Arc<Lane>, usize> = HashMap::new();
    for number in 0..4 {
        let mine = Arc::new(Lane { model: "m".into(), ..(*lane(number)).clone() });
        let item = Item { number, lane: number, bytes: 1, inputs: 1, offered: Timestamp(0), gone: false };
        collation.offer(Timestamp(0), &mine, item).unwrap();
        *by_lane.entry(mine).or_default() += 1;
    }
    let sealed = collation.seal_all();
    assert_eq!(sealed.len(), 2);
    assert!(sealed.iter().all(|sealed| sealed.items.len() == by_lane[&sealed.lane]));
}
