//! Requests without what they hold.

use super::{Answer, StatusLogger};
use crate::{
    cell::{Letter, Mail, Receive},
    ports::{Listing, RequestPage, RequestSummary},
    rules::ids::{BatchKey, RequestId},
};

/// One request by its id.
pub struct Summarise {
    /// Which.
    pub id: RequestId,
    /// For the answer.
    pub reply: Answer<Option<RequestSummary>>,
}

impl Letter for Summarise {
    const NAME: &'static str = "Summarise";
    type Reply = ();
}

/// A page of requests.
pub struct ListRequests {
    /// Which page.
    pub page: RequestPage,
    /// For the answer.
    pub reply: Answer<Option<Listing<RequestSummary>>>,
}

impl Letter for ListRequests {
    const NAME: &'static str = "ListRequests";
    type Reply = ();
}

/// Requests of a batch, in the order of its lines.
pub struct ListLines {
    /// Which batch.
    pub key: BatchKey,
    /// So many lines are left out.
    pub from: usize,
    /// At most this many.
    pub limit: usize,
    /// For the answer.
    pub reply: Answer<Listing<RequestSummary>>,
}

impl Letter for ListLines {
    const NAME: &'static str = "ListLines";
    type Reply = ();
}

impl Receive<Summarise> for StatusLogger {
    fn receive(&mut self, Summarise { id, reply }: Summarise, _: &Mail<Self>) {
        self.ask(reply, |store| async move { store.summary(id).await });
    }
}

impl Receive<ListRequests> for StatusLogger {
    fn receive(&mut self, ListRequests { page, reply }: ListRequests, _: &Mail<Self>) {
        self.ask(reply, |store| async move { store.summaries(&page).await });
    }
}

impl Receive<ListLines> for StatusLogger {
    fn receive(&mut self, ListLines { key, from, limit, reply }: ListLines, _: &Mail<Self>) {
        self.ask(reply, |store| async move { store.lines(key, from, limit).await });
    }
}
