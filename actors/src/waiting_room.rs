//! Who waits for which request.
//!
//! A client's reply sender stays here until its request has an outcome, wherever the request's batch has gone in the
//! meantime. So a client that sends its request again finds it in one place, and no actor's end takes waiters along.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use foldhash::HashMap;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use crate::{
    permits::Permit,
    rules::{
        fingerprint::Fingerprint,
        idempotency::IdempotencyKey,
        ids::{BatchId, RequestId},
        outcome::Outcome,
        record::Accepted,
        terms::{Keeping, Terms},
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
    /// The request was not accepted, because of what its client asked.
    Declined(Decline),
    /// There is no place for one more request, so it was not accepted.
    Full,
}

/// Why a request was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decline {
    /// A stored answer was asked for, and there is none.
    NotStored,
    /// Its idempotency key is another request's.
    KeyReused,
}

/// How a request was taken: what its client may know before it is told the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The request whose end it will be told.
    pub id: RequestId,
    /// Where that end comes from.
    pub source: Source,
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A line of its own.
    New,
    /// The line of an equal request that was there before.
    Shared,
    /// The store.
    Stored,
}

/// Where a client hears how its request was taken, once that is durable. It is dropped without a word if the request
/// was not taken.
pub type Word = oneshot::Sender<Taken>;

/// Where a parked client is told.
pub type Reply = oneshot::Sender<Delivery>;

/// Whether a client that leaves was told to come again. Whoever lets it go says so first, so it is to be read after
/// the client is seen to have left. By default nobody ever tells it so.
#[derive(Debug, Clone, Default)]
pub struct ComesAgain(Option<Arc<AtomicBool>>);

impl ComesAgain {
    /// It may be told so later.
    pub fn perhaps() -> Self {
        Self(Some(Arc::default()))
    }

    /// It was told to.
    pub fn promise(&self) {
        if let Some(told) = &self.0 {
            told.store(true, SeqCst);
        }
    }

    fn is_promised(&self) -> bool {
        self.0.as_ref().is_some_and(|told| told.load(SeqCst))
    }
}

#[derive(Debug)]
struct Seat {
    fingerprint: Fingerprint,
    keeping: Keeping,
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
    /// Clients that have not heard yet that it is.
    words: Vec<(Word, Source)>,
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
    fn new(fingerprint: Fingerprint, keeping: Keeping, permit: Permit) -> Self {
        Self {
            fingerprint,
            keeping,
            parked: Vec::new(),
            kept: false,
            promised: false,
            recorded: false,
            detached: Vec::new(),
            words: Vec::new(),
            _permit: permit,
        }
    }

    fn take(&mut self, id: RequestId, client: Client, word: Option<Word>, source: Source) {
        // Most requests have one client, and there are many of them: here and below there is room for no more.
        self.words.reserve_exact(1);
        self.words.extend(word.map(|word| (word, source)));
        match client {
            Client::Parked(reply) => self.park(reply, ComesAgain::default()),
            Client::Returning(reply, comes_again) => self.park(reply, comes_again),
            Client::Detached(reply) => {
                self.promised = true;
                self.detached.reserve_exact(1);
                self.detached.push(reply);
            }
        }
        self.tell_recorded(id);
    }

    /// Tells those who want to know, if the record is durable.
    fn tell_recorded(&mut self, id: RequestId) {
        if !self.recorded {
            return;
        }
        for (word, source) in mem::take(&mut self.words) {
            // A client that has left needs no word.
            let _ = word.send(Taken { id, source });
        }
        for reply in mem::take(&mut self.detached) {
            // A client that has left knows no id to ask for.
            let _ = reply.send(Delivery::Accepted(id));
        }
    }

    fn park(&mut self, reply: Reply, comes_again: ComesAgain) {
        let (gone, waiting): (Vec<_>, Vec<_>) =
            self.parked.drain(..).partition(|(reply, _)| reply.is_closed());
        self.kept |= gone.iter().any(|(_, comes_again)| comes_again.is_promised());
        self.parked = waiting;
        self.parked.reserve_exact(1);
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

/// What the room has for a request that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// An equal request, beside which its client may sit.
    Seat(RequestId),
    /// Another request that goes by the same idempotency key.
    OtherBody,
    /// Nothing.
    Nothing,
}

/// The requests without an outcome, and their waiting clients.
#[derive(Debug, Default)]
pub struct WaitingRoom {
    seats: HashMap<RequestId, Seat>,
    /// Hardly ever more than one.
    by_fingerprint: HashMap<Fingerprint, SmallVec<[RequestId; 1]>>,
    by_key: HashMap<IdempotencyKey, RequestId>,
}

impl WaitingRoom {
    /// A new request and its client.
    pub fn seat(&mut self, request: &Accepted, client: Client, word: Option<Word>, permit: Permit) {
        let mut seat = Seat::new(request.fingerprint, request.keeping, permit);
        seat.take(request.id, client, word, Source::New);
        self.insert(request.id, seat);
    }

    /// A request of an earlier life; its client may come again.
    pub fn keep(&mut self, request: &Accepted, permit: Permit) {
        let seat = Seat::new(request.fingerprint, request.keeping, permit);
        let kept = Seat { kept: true, recorded: true, ..seat };
        self.insert(request.id, kept);
    }

    /// The request's record is durable.
    pub fn recorded(&mut self, id: RequestId) {
        let Some(seat) = self.seats.get_mut(&id) else {
            return;
        };
        seat.recorded = true;
        seat.tell_recorded(id);
    }

    fn insert(&mut self, id: RequestId, seat: Seat) {
        let equal = self.by_fingerprint.entry(seat.fingerprint).or_default();
        equal.push(id);
        if let Some(key) = seat.keeping.key {
            self.by_key.insert(key, id);
        }
        self.seats.insert(id, seat);
    }

    /// Looks for an equal request. A client with an idempotency key finds only what goes by that key. A client that
    /// says that it sends again (`resent`) finds any equal request, and so does one that shares, save for what is
    /// private. Another one finds only a request that nobody waits for and nobody will ask for.
    pub fn find(&self, fingerprint: &Fingerprint, resent: bool, terms: &Terms) -> Found {
        if let Some(key) = terms.keeping.key {
            return match self.by_key.get(&key).and_then(|id| Some((*id, self.seats.get(id)?))) {
                Some((id, seat)) if seat.fingerprint == *fingerprint => Found::Seat(id),
                Some(_) => Found::OtherBody,
                None => Found::Nothing,
            };
        }
        let ids = self.by_fingerprint.get(fingerprint).map(SmallVec::as_slice).unwrap_or_default();
        let abandoned = ids.iter().find(|id| self.is_abandoned(id));
        let open = |id: &&RequestId| resent || (terms.shares && !self.is_private(id));
        abandoned.or_else(|| ids.iter().find(open)).map_or(Found::Nothing, |id| Found::Seat(*id))
    }

    /// Seats a client beside a request that was found.
    pub fn join(&mut self, id: RequestId, client: Client, word: Option<Word>) {
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.take(id, client, word, Source::Shared);
        }
    }

    fn is_private(&self, id: &RequestId) -> bool {
        self.seats.get(id).is_none_or(|seat| seat.keeping.private)
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
        for reply in self.dismiss(id).unwrap_or_default() {
            // A client that has left will find the stored outcome when it sends its request again.
            let _ = reply.send(delivery.clone());
        }
    }

    /// Forgets a request; gives those who are still to be told something, unless it was not there.
    pub fn dismiss(&mut self, id: RequestId) -> Option<Vec<Reply>> {
        self.remove(id).map(|seat| seat.replies().collect())
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
        if let Some(key) = seat.keeping.key.filter(|key| self.by_key.get(key) == Some(&id)) {
            self.by_key.remove(&key);
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
        self.by_key.clear();
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
