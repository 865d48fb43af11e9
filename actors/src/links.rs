//! What BatchSubmitters and Pollers share: the way to the upstream, to the StatusLoggers, and to each other.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use futures_util::FutureExt;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    acquaintance::Acquaintance,
    cell::Mail,
    clock::Clock,
    collector::{Collector, Deliver},
    counters::Calls,
    ledger::Ledger,
    pool::Pool,
    ports::{Spills, Upstream},
    rules::{
        batch::Report,
        fault::Fault,
        ids::{BatchId, BatchKey, FileId, RequestId},
        lane::Lane,
        outcome::Outcome,
        pace::Pace,
        rate::Rate,
        record::Record,
        retry::Polling,
        time::Millis,
        trouble::Trouble,
        upstream_batch::UpstreamBatch,
    },
    scan::Scan,
    status_logger::{StatusLogger, Write},
    system::Ports,
};

/// Uploads and downloads at the same time: each holds a piece of a file in memory and a connection busy.
const TRANSFERS: usize = 8;
/// Other calls at the same time.
const CALLS: usize = 32;
/// Outcomes that are recorded in one piece: larger pieces delay the requests recorded beside them.
pub(crate) const PIECE: usize = 250;

/// Calls that the upstream limits together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Uploads.
    Upload,
    /// Creations of batches.
    Create,
    /// Removals of files. Whatever ails them is nobody else's trouble.
    Remove,
    /// Everything that only reads, and cancellations.
    Read,
}

/// By which limits the upstream is called.
#[derive(Debug, Clone, Copy)]
pub struct Calling {
    /// How often a batch is looked at.
    pub polling: Polling,
    /// Batches created within an hour.
    pub batches_per_hour: usize,
    /// How often one request may be sent before its failure is final.
    pub max_attempts: u32,
    /// Whether a batch's files are removed upstream when it is settled.
    pub removes_files: bool,
}

/// See the module.
pub struct Links {
    /// The upstream.
    pub upstream: Arc<dyn Upstream>,
    /// The StatusLoggers; a lane's records all go to the same one, and so stay in order.
    pub loggers: Pool<StatusLogger>,
    /// The time.
    pub clock: Clock,
    /// By which limits the upstream is called.
    pub calling: Calling,
    /// Looks for files.
    pub(crate) files: Scan<FileId>,
    /// Looks for batches.
    pub(crate) batches: Scan<Vec<UpstreamBatch>>,
    transfers: Semaphore,
    calls: Semaphore,
    uploads: Mutex<Pace>,
    creations: Mutex<Pace>,
    removals: Mutex<Pace>,
    reads: Mutex<Pace>,
    rate: Mutex<Rate>,
    trouble: Mutex<Trouble>,
    /// Where outcomes wait that are too many for the memory.
    pub(crate) spills: Arc<dyn Spills>,
    /// What is known of the work.
    pub(crate) ledger: Arc<Ledger>,
    /// What the store may have an answer for.
    pub(crate) acquaintance: Acquaintance,
}

impl Links {
    /// Ties them together.
    pub fn new(
        ports: &Ports,
        loggers: Pool<StatusLogger>,
        calling: Calling,
        ledger: Arc<Ledger>,
    ) -> Arc<Self> {
        Arc::new(Self {
            upstream: ports.upstream.clone(),
            loggers,
            clock: ports.clock.clone(),
            calling,
            files: Scan::new(),
            batches: Scan::new(),
            transfers: Semaphore::new(TRANSFERS),
            calls: Semaphore::new(CALLS),
            uploads: Mutex::default(),
            creations: Mutex::default(),
            removals: Mutex::default(),
            reads: Mutex::default(),
            rate: Mutex::new(Rate::new(calling.batches_per_hour)),
            trouble: Mutex::default(),
            spills: ports.spills.clone(),
            ledger,
            acquaintance: Acquaintance::default(),
        })
    }

    /// Waits for a turn to move a file.
    pub(crate) async fn transfer(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphores are never closed.
        self.transfers.acquire().await.ok()
    }

    /// Makes a call, if the upstream is not to be left alone just now, when it is its turn.
    pub(crate) async fn call<T, F>(
        &self,
        kind: Kind,
        call: impl FnOnce(Arc<dyn Upstream>) -> F,
    ) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        self.pace(kind)?;
        let _turn = match kind {
            // An upload's turn is that of a transfer, and a removal's that of its actor.
            Kind::Upload | Kind::Remove => None,
            // The semaphores are never closed.
            Kind::Create | Kind::Read => self.calls.acquire().await.ok(),
        };
        // The limit may have been met while this call waited for its turn.
        self.pace(kind)?;
        let began = Instant::now();
        let outcome = call(self.upstream.clone()).await;
        self.calls(kind).ended(&outcome, began.elapsed());
        self.note(kind, &outcome);
        outcome
    }

    fn calls(&self, kind: Kind) -> &Calls {
        let counters = &self.ledger.counters;
        match kind {
            Kind::Upload => &counters.uploads,
            Kind::Create => &counters.creations,
            Kind::Remove => &counters.removals,
            Kind::Read => &counters.reads,
        }
    }

    /// Takes a place among the batches of this hour.
    pub(crate) fn creation(&self) -> Result<(), Fault> {
        lock(&self.rate).take(self.clock.now()).map_err(Fault::Deferred)
    }

    /// What ails the upstream, for people; nothing while calls go well.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.trouble).words(self.clock.now())
    }

    fn pace(&self, kind: Kind) -> Result<(), Fault> {
        let wait: Option<Millis> = self.pace_of(kind).wait(self.clock.now());
        wait.map_or(Ok(()), |span| Err(Fault::Deferred(span)))
    }

    fn pace_of(&self, kind: Kind) -> MutexGuard<'_, Pace> {
        lock(match kind {
            Kind::Upload => &self.uploads,
            Kind::Create => &self.creations,
            Kind::Remove => &self.removals,
            Kind::Read => &self.reads,
        })
    }

    fn note<T>(&self, kind: Kind, outcome: &Result<T, Fault>) {
        let now = self.clock.now();
        match outcome {
            Ok(_) => {
                self.pace_of(kind).succeeded();
                if lock(&self.trouble).passed() {
                    log::info!("the upstream answers again");
                }
            }
            Err(fault) => {
                self.pace_of(kind).met(fault, now, now.0);
                if kind != Kind::Remove && lock(&self.trouble).met(fault, now) {
                    log::error!("the upstream refuses the gateway, and somebody should see to it: {fault}");
                }
            }
        }
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
            self.ledger.spent(&to.key, &to.lane, &outcomes);
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
