//! A request that its client has sent before: it joins its first sending, or gets its stored outcome.

use super::{Collector, Enqueue};
use crate::{
    cell::{Letter, Mail, Receive},
    ports::{StoreFault, StoredOutcome},
    status_logger::Recall,
    waiting_room::{Client, Delivery},
};

/// The store was asked whether a request that was sent again has its outcome already.
pub(super) struct Recalled {
    enqueue: Enqueue,
    stored: Result<Option<StoredOutcome>, StoreFault>,
}

impl Letter for Recalled {
    const NAME: &'static str = "Recalled";
    type Reply = ();
}

impl Collector {
    /// Seats the client beside an earlier sending of its request; gives the request back if there is none.
    pub(super) fn attach(&mut self, enqueue: Enqueue) -> Option<Enqueue> {
        let Enqueue { fingerprint, resent, .. } = enqueue;
        match self.room.attach(&fingerprint, resent, enqueue.client) {
            Ok(()) => {
                self.ledger.counters.joined.add(1);
                None
            }
            Err(client) => Some(Enqueue { client, ..enqueue }),
        }
    }

    /// Asks the store for the end of a request that its client has sent before.
    pub(super) fn recall(&mut self, enqueue: Enqueue, me: &Mail<Self>) {
        self.recording += 1;
        let (logger, me) = (self.loggers.by(&enqueue.lane).clone(), me.clone());
        tokio::spawn(async move {
            let fingerprint = enqueue.fingerprint;
            let stored = logger.inquire(|reply| Recall { fingerprint, reply }).await;
            let stored = stored.unwrap_or_else(|gone| Err(StoreFault::Unavailable(gone.to_string())));
            me.tell(Recalled { enqueue, stored });
        });
    }
}

impl Receive<Recalled> for Collector {
    fn receive(&mut self, recalled: Recalled, me: &Mail<Self>) {
        self.recording = self.recording.saturating_sub(1);
        let Recalled { enqueue, stored } = recalled;
        let now = self.clock.now();
        let stored = stored.map(|stored| stored.filter(|it| it.outcome.answers_resend(now.since(it.at))));
        match (stored, enqueue.client) {
            (_, client) if self.released => {
                // A client that has left again will come again.
                let _ = client.into_reply().send(Delivery::Released);
            }
            (Ok(Some(StoredOutcome { id, .. })), Client::Detached(reply)) => {
                // See above.
                let _ = reply.send(Delivery::Accepted(id));
            }
            (Ok(Some(StoredOutcome { id, outcome, .. })), client) => {
                // See above.
                let _ = client.into_reply().send(Delivery::Answered { id, outcome, batch: None });
            }
            // Its first sending may have been taken up while the store was asked.
            (Ok(None), client) => {
                if let Some(enqueue) = self.attach(Enqueue { client, ..enqueue }) {
                    self.accept(enqueue, me);
                }
            }
            (Err(_), client) => {
                // See above.
                let _ = client.into_reply().send(Delivery::NotRecorded);
            }
        }
        self.tend(me);
    }
}
