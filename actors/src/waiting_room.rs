//! Who waits for which request.
//!
//! A client's reply sender stays here until its request has an outcome, wherever the request's batch has gone in the
//! meantime. So a client that sends its request again finds it in one place, and no actor's end takes waiters along.

use std::collections::HashMap;

use tokio::sync::oneshot;

use crate::rules::{
    fingerprint::Fingerprint,
    ids::{BatchId, RequestId},
    outcome::Outcome,
    record::Accepted,
};

/// What a parked client is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery {
    /// The end of its request.
    Answered {
        /// The request.
        id: RequestId,
        /// Its end.
        outcome: Outcome,
        /// The batch it was a line of, if it came that far.
        batch: Option<BatchId>,
    },
    /// The gateway stops; the request is recorded, and sending it again will find it.
    Released,
    /// The request could not be recorded, so it was not accepted.
    NotRecorded,
}

/// Where a parked client is told.
pub type Reply = oneshot::Sender<Delivery>;

#[derive(Debug)]
struct Seat {
    fingerprint: Fingerprint,
    replies: Vec<Reply>,
    /// Sent upstream even if nobody waits: it was promised an answer by an earlier life of the gateway.
    kept: bool,
}

/// The requests without an outcome, and their waiting clients.
#[derive(Debug, Default)]
pub struct WaitingRoom {
    seats: HashMap<RequestId, Seat>,
    by_fingerprint: HashMap<Fingerprint, Vec<RequestId>>,
}

impl WaitingRoom {
    /// A new request and its client.
    pub fn seat(&mut self, id: RequestId, fingerprint: Fingerprint, reply: Reply) {
        self.insert(
            id,
            Seat {
                fingerprint,
                replies: vec![reply],
                kept: false,
            },
        );
    }

    /// A request of an earlier life; its client may come again.
    pub fn keep(&mut self, request: &Accepted) {
        self.insert(
            request.id,
            Seat {
                fingerprint: request.fingerprint,
                replies: Vec::new(),
                kept: true,
            },
        );
    }

    fn insert(&mut self, id: RequestId, seat: Seat) {
        self.by_fingerprint.entry(seat.fingerprint).or_default().push(id);
        self.seats.insert(id, seat);
    }

    /// Seats a client that sends a request again beside its first sending. A client that says so itself
    /// (`resent`) joins any equal request, another one only a request that nobody waits for.
    pub fn attach(
        &mut self,
        fingerprint: &Fingerprint,
        resent: bool,
        reply: Reply,
    ) -> Result<RequestId, Reply> {
        let ids = self
            .by_fingerprint
            .get(fingerprint)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let abandoned = ids.iter().find(|id| self.is_abandoned(id));
        let Some(id) = abandoned.or(ids.first().filter(|_| resent)).copied() else {
            return Err(reply);
        };
        let Some(seat) = self.seats.get_mut(&id) else {
            return Err(reply);
        };
        seat.replies.retain(|reply| !reply.is_closed());
        seat.replies.push(reply);
        Ok(id)
    }

    fn is_abandoned(&self, id: &RequestId) -> bool {
        self.seats
            .get(id)
            .is_some_and(|seat| seat.replies.iter().all(Reply::is_closed))
    }

    /// Whether nobody waits for the request and nobody was promised anything.
    pub fn is_gone(&self, id: &RequestId) -> bool {
        self.seats
            .get(id)
            .is_none_or(|seat| !seat.kept && seat.replies.iter().all(Reply::is_closed))
    }

    /// Tells a request's clients, and forgets it.
    pub fn deliver(&mut self, id: RequestId, delivery: &Delivery) {
        let Some(seat) = self.remove(id) else { return };
        for reply in seat.replies {
            // A client that has left will find the stored outcome when it sends its request again.
            let _ = reply.send(delivery.clone());
        }
    }

    /// Forgets a request.
    pub fn forget(&mut self, id: RequestId) {
        self.remove(id);
    }

    fn remove(&mut self, id: RequestId) -> Option<Seat> {
        let seat = self.seats.remove(&id)?;
        if let Some(ids) = self.by_fingerprint.get_mut(&seat.fingerprint) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_fingerprint.remove(&seat.fingerprint);
            }
        }
        Some(seat)
    }

    /// Tells everybody that the gateway stops.
    pub fn release(&mut self) {
        for (_, seat) in self.seats.drain() {
            for reply in seat.replies {
                // A client that has left needs no word.
                let _ = reply.send(Delivery::Released);
            }
        }
        self.by_fingerprint.clear();
    }

    /// Requests without an outcome.
    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// Whether no request is without an outcome.
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }
}
