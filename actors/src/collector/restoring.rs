//! What an earlier life of the gateway left.

use super::{
    Collector,
    load::{Item, Stored},
};
use crate::{
    cell::{Letter, Mail, Receive},
    rules::record::Accepted,
};

/// Requests of an earlier life of the gateway.
pub struct Restore {
    /// To be collated again, with their bodies.
    pub open: Vec<(Accepted, Stored)>,
    /// In a batch already; their clients may come again.
    pub awaited: Vec<Accepted>,
}

impl Letter for Restore {
    const NAME: &'static str = "Restore";
    type Reply = ();
}

impl Collector {
    /// Seats a request of an earlier life.
    fn keep(&mut self, request: &Accepted) {
        self.acquaintance.note(&request.fingerprint);
        self.room.keep(request, self.permits.keep(&request.lane.tenant));
    }
}

impl Receive<Restore> for Collector {
    fn receive(&mut self, restore: Restore, me: &Mail<Self>) {
        for request in &restore.awaited {
            self.keep(request);
        }
        for (request, stored) in restore.open {
            self.keep(&request);
            let item = Item::again(request.id, &request.lane, stored, request.attempts);
            self.collate(item, &request.lane, me);
        }
        self.tend(me);
    }
}
