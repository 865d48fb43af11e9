//! What the store is asked through the StatusLogger. A question does not queue behind the records: each is a task of
//! its own.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::StatusLogger;
use crate::{
    cell::{Letter, Mail, Receive},
    ports::{Listing, Page, Store, StoreFault, StoredBatch, StoredOutcome, StoredRequest},
    rules::{
        fingerprint::Fingerprint,
        idempotency::IdempotencyKey,
        ids::{BatchId, RequestId},
        lane::{Endpoint, Tenant},
    },
};

/// What a question to the store comes back with.
pub type Answer<T> = oneshot::Sender<Result<T, StoreFault>>;

/// One batch by its upstream id.
pub struct Find {
    /// Whose; anybody's if `None`.
    pub tenant: Option<Tenant>,
    /// Which.
    pub id: BatchId,
    /// For the answer.
    pub reply: Answer<Option<StoredBatch>>,
}

impl Letter for Find {
    const NAME: &'static str = "Find";
    type Reply = ();
}

/// A page of batches.
pub struct List {
    /// Which page.
    pub page: Page,
    /// For the answer.
    pub reply: Answer<Option<Listing<StoredBatch>>>,
}

impl Letter for List {
    const NAME: &'static str = "List";
    type Reply = ();
}

/// The stored outcome of an equal request.
pub struct Recall {
    /// What makes it equal.
    pub fingerprint: Fingerprint,
    /// For the answer.
    pub reply: Answer<Option<StoredOutcome>>,
}

impl Letter for Recall {
    const NAME: &'static str = "Recall";
    type Reply = ();
}

/// The latest good answer of an equal request that is not private.
pub struct Reuse {
    /// What makes it equal.
    pub fingerprint: Fingerprint,
    /// For the answer.
    pub reply: Answer<Option<StoredOutcome>>,
}

impl Letter for Reuse {
    const NAME: &'static str = "Reuse";
    type Reply = ();
}

/// The request that goes by an idempotency key.
pub struct Keyed {
    /// The key.
    pub key: IdempotencyKey,
    /// For the answer.
    pub reply: Answer<Option<StoredRequest>>,
}

impl Letter for Keyed {
    const NAME: &'static str = "Keyed";
    type Reply = ();
}

/// One request by its id.
pub struct Look {
    /// Which.
    pub id: RequestId,
    /// For the answer.
    pub reply: Answer<Option<StoredRequest>>,
}

impl Letter for Look {
    const NAME: &'static str = "Look";
    type Reply = ();
}

/// The bodies of requests.
pub struct Bodies {
    /// Whose, in this order.
    pub ids: Vec<RequestId>,
    /// For the answer.
    pub reply: Answer<Vec<(RequestId, Bytes)>>,
}

impl Letter for Bodies {
    const NAME: &'static str = "Bodies";
    type Reply = ();
}

/// Lines of a batch's file, with the bodies that the store has.
pub struct Compose {
    /// Whose, in this order.
    pub ids: Vec<RequestId>,
    /// Where they go.
    pub endpoint: Endpoint,
    /// How long the lines are together.
    pub bytes: u64,
    /// For the answer.
    pub reply: Answer<Bytes>,
}

impl Letter for Compose {
    const NAME: &'static str = "Compose";
    type Reply = ();
}

impl StatusLogger {
    /// Asks the store in a task of its own; an asker who has left misses nothing.
    pub(super) fn ask<T, F>(&self, reply: Answer<T>, question: impl FnOnce(Arc<dyn Store>) -> F)
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreFault>> + Send + 'static,
    {
        let answer = question(self.store.clone());
        tokio::spawn(async move { drop(reply.send(answer.await)) });
    }
}

impl Receive<Find> for StatusLogger {
    fn receive(&mut self, Find { tenant, id, reply }: Find, _: &Mail<Self>) {
        self.ask(reply, |store| async move { store.batch(tenant.as_ref(), &id).await });
    }
}

impl Receive<List> for StatusLogger {
    fn receive(&mut self, List { page, reply }: List, _: &Mail<Self>) {
        self.ask(reply, |store| async move { store.batches(&page).await });
    }
}

impl Receive<Recall> for StatusLogger {
    fn receive(&mut self, Recall { fingerprint, reply }: Recall, _: &Mail<Self>) {
        self.ask(reply, |store| async move { store.answer(&fingerprint).await });
    }
}

impl Receive<Reuse> for StatusLogger {
    fn receive(&mut self, Reuse { fingerprint, reply }: Reuse, _: &Mail<Self>) {
        self.ask(reply, |store| async move { store.reusable(&fingerprint).await });
    }
}

impl Receive<Keyed> for StatusLogger {
    fn receive(&mut self, Keyed { key, reply }: Keyed, _: &Mail<Self>) {
        self.ask(reply, |store| async move { store.keyed(&key).await });
    }
}

impl Receive<Look> for StatusLogger {
    fn receive(&mut self, Look { id, reply }: Look, _: &Mail<Self>) {
        self.ask(reply, |store| async move { store.request(id).await });
    }
}

impl Receive<Bodies> for StatusLogger {
    fn receive(&mut self, Bodies { ids, reply }: Bodies, _: &Mail<Self>) {
        self.ask(reply, |store| async move { store.bodies(&ids).await });
    }
}

impl Receive<Compose> for StatusLogger {
    fn receive(&mut self, Compose { ids, endpoint, bytes, reply }: Compose, _: &Mail<Self>) {
        self.ask(reply, |store| async move { store.compose(&ids, endpoint, bytes).await });
    }
}
