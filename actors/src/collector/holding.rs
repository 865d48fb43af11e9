//! Batches that wait for room upstream.

use super::{Collector, load::Load};
use crate::{
    cell::Mail,
    rules::{
        hold::{Lot, Refused},
        ids::BatchKey,
        outcome::Outcome,
        resend::Lineage,
        time::Timestamp,
    },
};

impl Collector {
    /// Sends requests on their way, or has them wait for their turn.
    pub(super) fn offer(&mut self, load: Load, me: &Mail<Self>) {
        let (lane, requests) = (load.lane.clone(), load.items.len());
        match self.hold.offer(&lane.model, load.into_lot()) {
            Some(lot) => self.submit(lot.load, me),
            None => {
                self.ledger.waits(&lane, requests);
                log::info!("{requests} requests of {lane} wait until there is room upstream");
            }
        }
    }

    /// Has requests wait for room upstream, keeping their turn.
    pub(super) fn hold(&mut self, load: Load, limit: Option<u64>, never: &Outcome, me: &Mail<Self>) {
        let (lane, requests) = (load.lane.clone(), load.items.len());
        match self.hold.refused(&lane.model, load.into_lot(), limit, self.clock.now()) {
            Refused::Held => self.ledger.waits(&lane, requests),
            Refused::Halve(lot) => {
                let Load { lane, mut items, lineage } = lot.load;
                let lineage = Lineage { turn: lot.turn, ..lineage };
                let second = items.split_off(items.len() / 2);
                self.families.joins(lineage);
                for items in [items, second] {
                    self.ledger.waits(&lane, items.len());
                    let half = Load { lane: lane.clone(), items, lineage };
                    self.hold.queue(&lane.model, half.into_lot());
                }
            }
            Refused::Never(lot) => {
                let Load { lane, items, lineage } = lot.load;
                self.families.leaves(lineage);
                let key = BatchKey(self.ids.mint());
                self.answer(key, &lane, items.iter().map(|item| item.id), never, me);
            }
        }
    }

    /// Sends what there is room for now.
    pub(super) fn release(&mut self, now: Timestamp, me: &Mail<Self>) {
        while let Some((_, Lot { turn, mut load, .. })) = self.hold.release(now) {
            self.ledger.goes(&load.lane, load.items.len());
            load.lineage.turn = turn;
            self.submit(load, me);
        }
    }
}
