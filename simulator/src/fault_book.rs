//! Which fault the next call meets.

use std::collections::HashMap;

use crate::fault::{Fault, ORDINARY, Stage};
use crate::faults::Faults;
use crate::operation::Operation;
use crate::order::FaultOrder;
use crate::random::Random;

/// Orders that wait for their calls, and how often chance was asked.
#[derive(Debug, Default)]
pub(crate) struct FaultBook {
    orders: Vec<FaultOrder>,
    asked: HashMap<(Operation, Stage), u64>,
}

/// A fault about to happen.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    /// What happens, with every detail that has a default filled in.
    pub(crate) order: FaultOrder,
    /// A number in 0..1 for whatever the order leaves open.
    pub(crate) chance: f64,
}

impl FaultBook {
    pub(crate) fn new(orders: Vec<FaultOrder>) -> FaultBook {
        let mut book = FaultBook::default();
        book.add(orders);
        book
    }

    pub(crate) fn add(&mut self, orders: Vec<FaultOrder>) {
        self.orders.extend(orders.into_iter().filter(|order| order.times != Some(0)));
    }

    /// The orders that still wait, oldest first.
    pub(crate) fn orders(&self) -> &[FaultOrder] {
        &self.orders
    }

    pub(crate) fn clear(&mut self) {
        self.orders.clear();
    }

    /// The fault a call of `operation` meets at `stage`: the oldest order that is due, or else what chance
    /// brings.
    pub(crate) fn draw(
        &mut self,
        seed: u64,
        faults: &Faults,
        operation: Operation,
        stage: Stage,
    ) -> Option<Drawn> {
        let asked = self.asked.entry((operation, stage)).or_default();
        *asked += 1;
        let mut random = Random::from((seed, "fault", operation.name(), stage, *asked));
        let chance = random.fraction();
        let order =
            self.ordered(operation, stage).or_else(|| by_chance(&mut random, faults, operation, stage))?;
        Some(Drawn { order, chance })
    }

    fn ordered(&mut self, operation: Operation, stage: Stage) -> Option<FaultOrder> {
        let mut due = None;
        for (position, order) in self.orders.iter_mut().enumerate() {
            if !order.operation.covers(operation) || order.fault.stage() != stage {
                continue;
            }
            if order.after > 0 {
                order.after -= 1;
            } else if due.is_none() {
                due = Some(position);
            }
        }
        let position = due?;
        let order = self.orders.get_mut(position)?;
        let drawn = order.clone();
        if let Some(times) = &mut order.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.orders.remove(position);
            }
        }
        Some(drawn)
    }
}

fn by_chance(random: &mut Random, faults: &Faults, operation: Operation, stage: Stage) -> Option<FaultOrder> {
    if !faults.concern(operation) || random.fraction() >= faults.rate {
        return None;
    }
    let kinds: Vec<Fault> = if faults.kinds.is_empty() { ORDINARY.to_vec() } else { faults.kinds.clone() };
    let possible: Vec<Fault> = kinds.into_iter().filter(|kind| kind.stage() == stage).collect();
    let mut order = FaultOrder::once(operation, random.pick(&possible)?);
    if order.fault == Fault::Status(429) {
        if random.next().is_multiple_of(2) {
            order.retry_after = Some(faults.retry_after_ms.div_ceil(1000).max(1));
        } else {
            order.retry_after_ms = Some(faults.retry_after_ms);
        }
    }
    Some(order)
}
