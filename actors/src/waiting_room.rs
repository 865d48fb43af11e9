//! Who waits for which request.
//!
//! A client's reply sender stays here until its request has an outcome, wherever the request's batch has gone in the
//! meantime. So a client that sends its request again finds it in one place, and no actor's end takes waiters along.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use tokio::sync::oneshot;

use crate::{
    permits::Permit,
    rules::{
        fingerprint::Fingerprint,
        ids::{BatchId, RequestId},
        outcome::Outcome,
        record::Accepted,
    },
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
    /// The request is recorded; its client will ask for its end.
    Accepted(RequestId),
    /// The gateway stops. If the request is recorded, sending it again will find it.
    Released,
    /// The request could not be recorded, so it was not accepted.
    NotRecorded,
    /// There is no place for one more request, so it was not accepted.
    Full,
}

/// Where a parked client is told.
pub type Reply = oneshot::Sender<Delivery>;

/// Whether a client that leaves was told to come again. Whoever lets it go says so first, so it is to be read after
/// the client is seen to have left.
#[derive(Debug, Clone, Default)]
pub struct ComesAgain(Arc<AtomicBool>);

impl ComesAgain {
    /// It was told to.
    pub fn promise(&self) {
        self.0.store(true, SeqCst);
    }

    fn is_promised(&self) -> bool {
        self.0.load(SeqCst)
    }
}

#[derive(Debug)]
struct Seat {
    fingerprint: Fingerprint,
    parked: Vec<(Reply, ComesAgain)>,
    /// Its client comes again, or it is a request of an earlier life of the gateway: sent upstream even if nobody
    /// waits.
    kept: bool,
    /// Somebody will ask for its end later: sent upstream even if nobody waits.
    promised: bool,
    /// Its record is durable.
    recorded: bool,
    /// Clients that want to know no more than that.
    detached: Vec<Reply>,
    /// Its place among the requests that are accepted and not answered.
    _permit: Permit,
}

/// How a client waits.
#[derive(Debug)]
pub enum Client {
    /// Until the end of its request.
    Parked(Reply),
    /// The same, or until it is told to come again.
    Returning(Reply, ComesAgain),
    /// Until its request is recorded; it asks for the end later.
    Detached(Reply),
}

impl Client {
    /// Where it is told.
    pub fn into_reply(self) -> Reply {
        match self {
            Client::Parked(reply) | Client::Returning(reply, _) | Client::Detached(reply) => reply,
        }
    }
}

impl Seat {
    fn new(fingerprint: Fingerprint, permit: Permit) -> Self {
        Self {
            fingerprint,
            parked: Vec::new(),
            kept: false,
            promised: false,
            recorded: false,
            detached: Vec::new(),
            _permit: permit,
        }
    }

    fn take(&mut self, id: RequestId, client: Client) {
        match client {
            Client::Parked(reply) => self.park(reply, ComesAgain::default()),
            Client::Returning(reply, comes_again) => self.park(reply, comes_again),
            Client::Detached(reply) => {
                self.promised = true;
                if self.recorded {
                    // A client that has left knows no id to ask for.
                    let _ = reply.send(Delivery::Accepted(id));
                } else {
                    self.detached.push(reply);
                }
            }
        }
    }

    fn park(&mut self, reply: Reply, comes_again: ComesAgain) {
        let (gone, waiting): (Vec<_>, Vec<_>) =
            self.parked.drain(..).partition(|(reply, _)| reply.is_closed());
        self.kept |= gone.iter().any(|(_, comes_again)| comes_again.is_promised());
        self.parked = waiting;
        self.parked.push((reply, comes_again));
    }

    fn is_kept(&self) -> bool {
        self.kept || self.parked.iter().any(|(_, comes_again)| comes_again.is_promised())
    }

    fn is_deserted(&self) -> bool {
        self.parked.iter().all(|(reply, _)| reply.is_closed())
    }

    /// Everybody who is to be told something.
    fn replies(self) -> impl Iterator<Item = Reply> {
        self.parked.into_iter().map(|(reply, _)| reply).chain(self.detached)
    }
}

/// The requests without an outcome, and their waiting clients.
#[derive(Debug, Default)]
pub struct WaitingRoom {
    seats: HashMap<RequestId, Seat>,
    by_fingerprint: HashMap<Fingerprint, Vec<RequestId>>,
}

impl WaitingRoom {
    /// A new request and its client.
    pub fn seat(&mut self, id: RequestId, fingerprint: Fingerprint, client: Client, permit: Permit) {
        let mut seat = Seat::new(fingerprint, permit);
        seat.take(id, client);
        self.insert(id, seat);
    }

    /// A request of an earlier life; its client may come again.
    pub fn keep(&mut self, request: &Accepted, permit: Permit) {
        let kept = Seat { kept: true, recorded: true, ..Seat::new(request.fingerprint, permit) };
        self.insert(request.id, kept);
    }

    /// The request's record is durable.
    pub fn recorded(&mut self, id: RequestId) {
        let Some(seat) = self.seats.get_mut(&id) else {
            return;
        };
        seat.recorded = true;
        for reply in seat.detached.drain(..) {
            // A client that has left knows no id to ask for.
            let _ = reply.send(Delivery::Accepted(id));
        }
    }

    fn insert(&mut self, id: RequestId, seat: Seat) {
        self.by_fingerprint.entry(seat.fingerprint).or_default().push(id);
        self.seats.insert(id, seat);
    }

    /// Seats a client that sends a request again beside its first sending. A client that says so itself
    /// (`resent`) joins any equal request, another one only a request that nobody waits for and nobody will ask for.
    pub fn attach(&mut self, fingerprint: &Fingerprint, resent: bool, client: Client) -> Result<(), Client> {
        let ids = self.by_fingerprint.get(fingerprint).map(Vec::as_slice).unwrap_or_default();
        let abandoned = ids.iter().find(|id| self.is_abandoned(id));
        let Some(id) = abandoned.or(ids.first().filter(|_| resent)).copied() else {
            return Err(client);
        };
        let Some(seat) = self.seats.get_mut(&id) else {
            return Err(client);
        };
        seat.take(id, client);
        Ok(())
    }

    fn is_abandoned(&self, id: &RequestId) -> bool {
        self.seats.get(id).is_some_and(|seat| !seat.promised && seat.is_deserted())
    }

    /// Whether nobody waits for the request and nobody was promised anything.
    pub fn is_gone(&self, id: &RequestId) -> bool {
        self.seats.get(id).is_none_or(|seat| seat.is_deserted() && !seat.promised && !seat.is_kept())
    }

    /// Tells a request's clients, and forgets it.
    pub fn deliver(&mut self, id: RequestId, delivery: &Delivery) {
        let Some(seat) = self.remove(id) else { return };
        for reply in seat.replies() {
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
            for reply in seat.replies() {
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
