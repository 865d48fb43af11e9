//! Requests that their batch gave back: how they go on.

use std::{sync::Arc, time::Duration};

use super::{
    Collector, Deliver,
    load::{Item, Load, Stored},
};
use crate::{
    cell::{Letter, Mail, Receive},
    links::PIECE,
    memory::Memory,
    mutation::{self, Mutation},
    rules::{
        ids::{BatchKey, RequestId},
        lane::Lane,
        leftover::Leftover,
        outcome::Outcome,
        record::Record,
        resend::{Lineage, Onward},
        time::Millis,
    },
    status_logger::{Bodies, StatusLogger, Write},
};

/// A batch is settled.
pub struct Ended {
    /// The batch.
    pub key: BatchKey,
    /// Its lane.
    pub lane: Arc<Lane>,
    /// Where it came from.
    pub lineage: Lineage,
    /// Its requests without an outcome, if there are any.
    pub leftover: Option<Arc<Leftover>>,
}

impl Letter for Ended {
    const NAME: &'static str = "Ended";
    type Reply = ();
}

/// The bodies of requests that go on have been looked at.
struct Fetched {
    lane: Arc<Lane>,
    lots: Vec<Vec<(RequestId, u32, Stored)>>,
    way: Way,
}

impl Letter for Fetched {
    const NAME: &'static str = "Fetched";
    type Reply = ();
}

/// Which way they go on.
enum Way {
    /// Through their lane's window.
    Lane,
    /// As batches of their own.
    Batches(Lineage),
    /// When there is room for them.
    Hold(Lineage, Option<u64>, Outcome),
}

/// Bodies that are asked for at once.
const BODIES: usize = 200;
/// Pause before a store that failed is asked again.
const RETRY: Duration = Duration::from_secs(1);

impl Collector {
    fn go_on(&mut self, ended: &Ended, leftover: &Leftover, me: &Mail<Self>) {
        let requests = &leftover.requests;
        if mutation::breaks(Mutation::ForgetResend) {
            return;
        }
        let one = |requests: &[_]| vec![requests.to_vec()];
        let lane = &ended.lane;
        self.sent_again += requests.len() as u64;
        self.ledger.counters.sent_again(&leftover.why, requests.len());
        match self.families.decide(ended.key, leftover, ended.lineage) {
            Onward::Lane => self.fetch(lane, one(requests), Millis(0), Way::Lane, me),
            Onward::Again(lineage, pause) => {
                self.families.joins(lineage);
                self.fetch(lane, one(requests), pause, Way::Batches(lineage), me);
            }
            Onward::Hold(limit, never) => {
                self.families.joins(ended.lineage);
                let way = Way::Hold(ended.lineage, limit, never);
                self.fetch(lane, one(requests), Millis(0), way, me);
            }
            Onward::Halves(lineage) => {
                let (first, second) = requests.split_at(requests.len() / 2);
                let halves = vec![first.to_vec(), second.to_vec()];
                halves.iter().for_each(|_| self.families.joins(lineage));
                self.fetch(lane, halves, Millis(0), Way::Batches(lineage), me);
            }
            Onward::Answer(outcome) => {
                self.answer(ended.key, lane, requests.iter().map(|(id, _)| *id), &outcome, me);
            }
        }
    }

    /// Looks at bodies in the store; they left the memory when their batch was uploaded.
    fn fetch(
        &self,
        lane: &Arc<Lane>,
        lots: Vec<Vec<(RequestId, u32)>>,
        pause: Millis,
        way: Way,
        me: &Mail<Self>,
    ) {
        let (logger, lane, me) = (self.loggers.by(lane).clone(), lane.clone(), me.clone());
        let memory = self.memory.clone();
        tokio::spawn(async move {
            tokio::time::sleep(pause.into()).await;
            let mut fetched = Vec::new();
            for lot in lots {
                fetched.push(bodies(&logger, &lane, &lot, &memory).await);
            }
            me.tell(Fetched { lane, lots: fetched, way });
        });
    }

    /// Ends requests that no further batch can help.
    pub(super) fn answer(
        &self,
        key: BatchKey,
        lane: &Lane,
        ids: impl Iterator<Item = RequestId>,
        outcome: &Outcome,
        me: &Mail<Self>,
    ) {
        let outcomes: Vec<_> = ids.map(|id| (id, outcome.clone())).collect();
        for piece in outcomes.chunks(PIECE) {
            let outcomes: Arc<[_]> = piece.into();
            let record = Record::Answered { key, outcomes: outcomes.clone(), at: self.clock.now() };
            let me = me.clone();
            self.loggers
                .by(lane)
                .tell(Write::must(record, move || me.tell(Deliver { outcomes, batch: None })));
        }
    }
}

async fn bodies(
    logger: &Mail<StatusLogger>,
    lane: &Lane,
    lot: &[(RequestId, u32)],
    memory: &Memory,
) -> Vec<(RequestId, u32, Stored)> {
    let mut fetched = Vec::with_capacity(lot.len());
    for piece in lot.chunks(BODIES) {
        let ids: Vec<RequestId> = piece.iter().map(|(id, _)| *id).collect();
        let found = loop {
            match logger.inquire(|reply| Bodies { ids: ids.clone(), reply }).await {
                Ok(Ok(found)) => break found,
                _ => tokio::time::sleep(RETRY).await,
            }
        };
        let mut found = found.into_iter().peekable();
        for (id, attempts) in piece {
            match found.next_if(|(of, _)| of == id) {
                Some((_, body)) => fetched.push((*id, *attempts, Stored::new(lane, body, memory))),
                None => log::error!("request {id} goes on, but the store has no body for it"),
            }
        }
    }
    fetched
}

impl Receive<Ended> for Collector {
    fn receive(&mut self, ended: Ended, me: &Mail<Self>) {
        self.hold.ended(&ended.lane.model, ended.key);
        // While the gateway stops, what is left over waits for the next start: the journal has it as open.
        if let Some(leftover) = ended.leftover.as_ref().filter(|_| !self.draining) {
            self.go_on(&ended, leftover, me);
        }
        self.families.leaves(ended.lineage);
        self.tend(me);
    }
}

impl Receive<Fetched> for Collector {
    fn receive(&mut self, fetched: Fetched, me: &Mail<Self>) {
        if self.draining {
            return;
        }
        let Fetched { lane, lots, way } = fetched;
        for lot in lots {
            let items: Vec<Item> = lot
                .into_iter()
                .map(|(id, attempts, stored)| Item::again(id, &lane, stored, attempts))
                .collect();
            match &way {
                Way::Lane => items.into_iter().for_each(|item| self.collate(item, &lane, me)),
                Way::Batches(lineage) => {
                    self.offer(Load { lane: lane.clone(), items, lineage: *lineage }, me);
                }
                Way::Hold(lineage, limit, never) => {
                    let load = Load { lane: lane.clone(), items, lineage: *lineage };
                    self.hold(load, *limit, never, me);
                }
            }
        }
        self.tend(me);
    }
}
