//! A request that is not wanted any more.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Collector;
use crate::{
    cell::{Letter, Mail, Receive},
    rules::{
        ids::{BatchKey, RequestId},
        lane::Lane,
        outcome::Outcome,
        record::Record,
    },
    status_logger::Write,
    waiting_room::Delivery,
};

/// Give this request its end now. If its batch is not on its way, it is left out of it; if it is, its line is paid for,
/// and what comes of it is ignored.
pub struct CancelRequest {
    /// Which.
    pub id: RequestId,
    /// Where it belongs.
    pub lane: Arc<Lane>,
    /// Told once that is durable; or at once, if the request has its end already.
    pub reply: oneshot::Sender<()>,
}

impl Letter for CancelRequest {
    const NAME: &'static str = "CancelRequest";
    type Reply = ();
}

impl Receive<CancelRequest> for Collector {
    fn receive(&mut self, CancelRequest { id, lane, reply }: CancelRequest, _: &Mail<Self>) {
        let Some(clients) = self.room.dismiss(id) else {
            // Who asked may have left.
            let _ = reply.send(());
            return;
        };
        let outcome = Outcome::cancelled();
        let record = Record::Answered {
            // It need not be in any batch.
            key: BatchKey(self.ids.mint()),
            outcomes: [(id, outcome.clone())].into(),
            at: self.clock.now(),
        };
        let told = move || {
            for client in clients {
                // See above.
                let _ = client.send(Delivery::Answered { id, outcome: outcome.clone(), batch: None });
            }
            // See above.
            let _ = reply.send(());
        };
        self.loggers.by(&lane).tell(Write::must(record, told));
    }
}
