//! What BatchSubmitters and Pollers share: the way to the upstream, to the StatusLoggers, and to each other.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    cell::Mail,
    clock::Clock,
    collector::{Collector, Deliver},
    pool::Pool,
    ports::Upstream,
    rules::{
        batch::Report,
        fault::Fault,
        ids::{BatchId, BatchKey, FileId, RequestId},
        lane::Lane,
        outcome::Outcome,
        record::Record,
        retry::Polling,
        upstream_batch::UpstreamBatch,
    },
    scan::Scan,
    status_logger::{StatusLogger, Write},
};

/// Uploads and downloads at the same time: each holds a piece of a file in memory and a connection busy.
const TRANSFERS: usize = 8;
/// Other calls at the same time.
const CALLS: usize = 32;
/// Outcomes that are recorded in one piece: larger pieces delay the requests recorded beside them.
pub(crate) const PIECE: usize = 250;

/// See the module.
pub struct Links {
    /// The upstream.
    pub upstream: Arc<dyn Upstream>,
    /// The StatusLoggers; a lane's records all go to the same one, and so stay in order.
    pub loggers: Pool<StatusLogger>,
    /// The time.
    pub clock: Clock,
    /// How often a batch is looked at.
    pub polling: Polling,
    /// Looks for files.
    pub(crate) files: Scan<FileId>,
    /// Looks for batches.
    pub(crate) batches: Scan<Vec<UpstreamBatch>>,
    transfers: Semaphore,
    calls: Semaphore,
}

impl Links {
    /// Ties them together.
    pub fn new(
        upstream: Arc<dyn Upstream>,
        loggers: Pool<StatusLogger>,
        clock: Clock,
        polling: Polling,
    ) -> Arc<Self> {
        let (transfers, calls) = (Semaphore::new(TRANSFERS), Semaphore::new(CALLS));
        let (files, batches) = (Scan::new(), Scan::new());
        Arc::new(Self { upstream, loggers, clock, polling, files, batches, transfers, calls })
    }

    /// Waits for a turn to move a file.
    pub(crate) async fn transfer(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphores are never closed.
        self.transfers.acquire().await.ok()
    }

    /// Waits for a turn to make a call.
    pub(crate) async fn call(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphores are never closed.
        self.calls.acquire().await.ok()
    }

    /// Makes outcomes durable, and then has them delivered.
    pub(crate) async fn answer(&self, to: &Addressee, outcomes: Vec<(RequestId, Outcome)>) {
        if outcomes.is_empty() {
            return;
        }
        let outcomes: Arc<[_]> = outcomes.into();
        let record = Record::Answered { key: to.key, outcomes: outcomes.clone(), at: self.clock.now() };
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.loggers.by(&to.lane).tell(Write::must(record, move || {
            // This very function waits for it.
            let _ = sender.send(());
        }));
        if receiver.await.is_ok() {
            to.collector.tell(Deliver { outcomes, batch: to.batch.clone() });
        }
    }
}

/// Whose outcomes they are, and who has the clients.
#[derive(Clone)]
pub struct Addressee {
    /// The batch.
    pub key: BatchKey,
    /// The batch upstream, if there is one.
    pub batch: Option<BatchId>,
    /// Its lane.
    pub lane: Arc<Lane>,
    /// The Collector of that lane.
    pub collector: Mail<Collector>,
}

/// Runs a call as a task and hands its report on; a panic in it becomes a report too.
pub(crate) fn run(
    call: impl Future<Output = Result<Report, Fault>> + Send + 'static,
    report: impl FnOnce(Report) + Send + 'static,
) {
    tokio::spawn(async move {
        let outcome = AssertUnwindSafe(call).catch_unwind().await;
        report(match outcome {
            Ok(Ok(done)) => done,
            Ok(Err(fault)) => Report::Failed(fault),
            Err(_) => Report::Failed(Fault::Ambiguous("the call panicked".into())),
        });
    });
}
