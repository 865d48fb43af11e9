//! A request that may have its answer already: it joins an equal one that is under way, or gets a stored outcome.

use super::{Collector, Enqueue};
use crate::{
    acquaintance::Acquaintance,
    cell::{Letter, Mail, Receive},
    clock::Clock,
    ports::{Standing, StoreFault, StoredOutcome, StoredRequest},
    rules::{reuse, terms::Terms, time::Millis},
    status_logger::{Answer, Keyed, Recall, Reuse, StatusLogger},
    waiting_room::{Client, Decline, Delivery, Found, Source, Taken},
};

/// Pause before the store is asked again for an end that it is going to have.
const UNENDED: Millis = Millis(100);

/// What the store has for a request.
enum Stored {
    /// This is its answer.
    Outcome(StoredOutcome),
    /// Its own first sending has no outcome yet, or had none when the store was asked.
    Unended,
    /// Its idempotency key is another request's.
    OtherBody,
    /// Nothing.
    Nothing,
}

/// The store was asked whether a request has its answer already.
pub(super) struct Recalled {
    enqueue: Enqueue,
    stored: Result<Stored, StoreFault>,
}

impl Letter for Recalled {
    const NAME: &'static str = "Recalled";
    type Reply = ();
}

impl Enqueue {
    /// Whether the store has to be asked for its answer.
    pub(super) fn may_be_stored(&self, acquaintance: &Acquaintance) -> bool {
        let Terms { shares, stored_only, keeping } = self.terms;
        let by_body = (self.resent || shares) && acquaintance.may_know(&self.fingerprint);
        by_body || stored_only || keeping.key.is_some()
    }

    /// Looks for its answer: under its key, as its own first sending's, or as an equal request's.
    async fn look(&self, logger: &Mail<StatusLogger>, clock: &Clock) -> Result<Stored, StoreFault> {
        let key = self.terms.keeping.key;
        if let Some(key) = key
            && let Some(keyed) = ask(logger, |reply| Keyed { key, reply }).await?
        {
            return Ok(self.keyed(keyed));
        }
        let fingerprint = self.fingerprint;
        // Who sends a key again would have been found by it.
        if self.resent && key.is_none() && !self.terms.stored_only {
            let stored = ask(logger, |reply| Recall { fingerprint, reply }).await?;
            let stored = stored.filter(|it| it.outcome.answers_resend(clock.now().since(it.at)));
            if let Some(stored) = stored {
                return Ok(Stored::Outcome(stored));
            }
        }
        if !self.terms.shares {
            return Ok(Stored::Nothing);
        }
        let stored = ask(logger, |reply| Reuse { fingerprint, reply }).await?;
        let stored = stored.filter(|it| reuse::is_reusable(&it.outcome));
        Ok(stored.map_or(Stored::Nothing, Stored::Outcome))
    }

    fn keyed(&self, keyed: StoredRequest) -> Stored {
        let StoredRequest { request, standing } = keyed;
        match standing {
            _ if request.fingerprint != self.fingerprint => Stored::OtherBody,
            Standing::Answered(outcome) => {
                Stored::Outcome(StoredOutcome { id: request.id, outcome, at: request.at })
            }
            Standing::Open | Standing::Sealed => Stored::Unended,
            Standing::Withdrawn | Standing::Removed => Stored::Nothing,
        }
    }

    /// Answers it out of the store.
    fn answer(self, StoredOutcome { id, outcome, .. }: StoredOutcome) {
        if let Some(word) = self.word {
            // A client that has left again will come again.
            let _ = word.send(Taken { id, source: Source::Stored });
        }
        let delivery = match self.client {
            Client::Detached(_) => Delivery::Accepted(id),
            _ => Delivery::Answered { id, outcome, batch: None },
        };
        // See above.
        let _ = self.client.into_reply().send(delivery);
    }

    fn turn_away(self, delivery: Delivery) {
        // See above.
        let _ = self.client.into_reply().send(delivery);
    }
}

async fn ask<M, T>(
    logger: &Mail<StatusLogger>,
    question: impl FnOnce(Answer<T>) -> M,
) -> Result<T, StoreFault>
where
    M: Letter,
    StatusLogger: Receive<M>,
{
    let answer = logger.inquire(question).await;
    answer.unwrap_or_else(|gone| Err(StoreFault::Unavailable(gone.to_string())))
}

impl Collector {
    /// Seats the client beside an equal request that is under way; gives the request back if there is none.
    pub(super) fn attach(&mut self, enqueue: Enqueue) -> Option<Enqueue> {
        let terms = &enqueue.terms;
        if terms.stored_only {
            return Some(enqueue);
        }
        match self.room.find(&enqueue.fingerprint, enqueue.resent, terms) {
            Found::Seat(id) => {
                self.ledger.counters.joined.add(1);
                self.room.join(id, enqueue.client, enqueue.word);
                None
            }
            Found::OtherBody => {
                enqueue.turn_away(Delivery::Declined(Decline::KeyReused));
                None
            }
            Found::Nothing => Some(enqueue),
        }
    }

    /// Asks the store for the answer, after a pause.
    pub(super) fn recall(&mut self, enqueue: Enqueue, pause: Millis, me: &Mail<Self>) {
        self.recording += 1;
        let (logger, clock, me) = (self.loggers.by(&enqueue.lane).clone(), self.clock.clone(), me.clone());
        tokio::spawn(async move {
            tokio::time::sleep(pause.into()).await;
            let stored = enqueue.look(&logger, &clock).await;
            me.tell(Recalled { enqueue, stored });
        });
    }
}

impl Receive<Recalled> for Collector {
    fn receive(&mut self, Recalled { enqueue, stored }: Recalled, me: &Mail<Self>) {
        self.recording = self.recording.saturating_sub(1);
        match stored {
            _ if self.released => enqueue.turn_away(Delivery::Released),
            Err(_) => enqueue.turn_away(Delivery::NotRecorded),
            Ok(Stored::Outcome(stored)) => {
                if enqueue.terms.shares {
                    self.ledger.cache_hit(&enqueue.lane, &stored.outcome.body);
                }
                enqueue.answer(stored);
            }
            Ok(Stored::OtherBody) => enqueue.turn_away(Delivery::Declined(Decline::KeyReused)),
            Ok(_) if enqueue.terms.stored_only => {
                enqueue.turn_away(Delivery::Declined(Decline::NotStored));
            }
            // An equal request may have been taken up while the store was asked.
            Ok(stored) => match (self.attach(enqueue), stored) {
                (None, _) => {}
                // It had its end in between, so the store is going to have it.
                (Some(enqueue), Stored::Unended) => self.recall(enqueue, UNENDED, me),
                (Some(enqueue), _) => match self.permits.take(&enqueue.lane.tenant) {
                    Some(permit) => self.accept(enqueue, permit, me),
                    None => enqueue.turn_away(Delivery::Full),
                },
            },
        }
        self.tend(me);
    }
}
