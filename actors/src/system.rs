//! The graph of actors: how it is built, taken up after a restart, and drained. The order stands here and nowhere
//! else.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::{
    batch_submitter::{BatchSubmitter, Line, Resume},
    board::Board,
    cell::{Cell, Mail, Place},
    clock::Clock,
    collector::{Collector, Release, Restore, Stored},
    drain::Drain,
    fail_point::{self, Point},
    file_remover::{FileRemover, Remove},
    inheritance,
    ledger::Ledger,
    links::{Calling, Links},
    memory::Memory,
    permits::Permits,
    pollers::Pollers,
    pool::{Balance, Pool},
    ports::{Ids, Spills, Store, StoreFault, Upstream},
    rules::{
        admission::Capacity,
        census::Census,
        collate::Limits,
        ids::RequestId,
        price::Prices,
        record::{Accepted, Progress, UnfinishedBatch, replay},
        retention::Retention,
    },
    status_logger::{Flush, StatusLogger},
    sweeper::{Begin, Sweeper},
};

/// What the graph stands on.
#[derive(Clone)]
pub struct Ports {
    /// The upstream.
    pub upstream: Arc<dyn Upstream>,
    /// The store.
    pub store: Arc<dyn Store>,
    /// Where outcomes wait that are too many for the memory.
    pub spills: Arc<dyn Spills>,
    /// Where ids come from.
    pub ids: Arc<dyn Ids>,
    /// The time.
    pub clock: Clock,
    /// What tokens cost.
    pub prices: Arc<Prices>,
}

/// How large the graph is and by which limits it works.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Of one batch.
    pub limits: Limits,
    /// Of the calls to the upstream.
    pub calling: Calling,
    /// Bytes of bodies that are kept in memory.
    pub room: u64,
    /// Number of Collectors.
    pub collectors: usize,
    /// Number of BatchSubmitters.
    pub batch_submitters: usize,
    /// Number of arbiters that Pollers are spread over.
    pub poller_arbiters: usize,
    /// Number of StatusLoggers.
    pub status_loggers: usize,
    /// Requests that may be accepted and not answered at a time.
    pub open_requests: Capacity,
    /// How long what is over is kept.
    pub retention: Retention,
}

/// The running graph.
pub struct System {
    /// The Collectors, by lane.
    pub collectors: Pool<Collector>,
    /// The BatchSubmitters, by load.
    pub submitters: Pool<BatchSubmitter>,
    /// The StatusLoggers, by lane.
    pub loggers: Pool<StatusLogger>,
    /// The Pollers, one for each batch in flight.
    pub pollers: Arc<Pollers>,
    /// Who removes files upstream.
    pub file_remover: Mail<FileRemover>,
    /// Who removes what has been kept long enough.
    pub sweeper: Mail<Sweeper>,
    /// Every actor's counts.
    pub board: Arc<Board>,
    /// The places of requests that are accepted and not answered.
    pub permits: Permits,
    /// What is known of their work.
    pub ledger: Arc<Ledger>,
    links: Arc<Links>,
    memory: Memory,
    store: Arc<dyn Store>,
    store_down: Arc<AtomicBool>,
}

impl System {
    /// Starts the actors. `place` says where each one runs; it is asked once for every place that is needed.
    pub fn start(ports: &Ports, settings: &Settings, mut place: impl FnMut() -> Place) -> Self {
        let board = Board::new();
        let store_down = Arc::new(AtomicBool::new(false));
        let clock = &ports.clock;
        let ledger = Ledger::new(ports.prices.clone(), clock.now());
        // A Collector and the StatusLogger of its number, which have the same lanes, tell each other of every request:
        // two threads would wake each other all the time.
        let desks: Vec<_> =
            (0..settings.collectors.max(settings.status_loggers).max(1)).map(|_| place()).collect();
        let loggers = Pool::start(settings.status_loggers, |number| {
            let logger =
                StatusLogger::new(ports.store.clone(), clock.clone(), store_down.clone(), ledger.clone());
            Cell::start(logger, number.to_string(), &desks[number], &board)
        });
        let links = Links::new(ports, loggers.clone(), settings.calling, ledger.clone());
        // Both have little to do and never hold anybody up, so one place is enough for them.
        let aside = place();
        let remover = Cell::start(FileRemover::new(links.clone()), "0".into(), &aside, &board);
        let sweeper = Sweeper::new(ports.store.clone(), clock.clone(), settings.retention, ledger.clone());
        let sweeper = Cell::start(sweeper, "0".into(), &aside, &board);
        let places = (0..settings.poller_arbiters.max(1)).map(|_| place()).collect();
        let pollers = Pollers::new(places, board.clone(), links.clone());
        let submitters = Pool::start(settings.batch_submitters, |number| {
            let submitter = BatchSubmitter::new(links.clone(), pollers.clone(), remover.clone());
            Cell::start(submitter, number.to_string(), &place(), &board)
        });
        let memory = Memory::new(settings.room);
        let permits = Permits::new(settings.open_requests);
        let collectors = Pool::start(settings.collectors, |number| {
            let (limits, ids) = (settings.limits, ports.ids.clone());
            let (memory, permits) = (memory.clone(), permits.clone());
            let collector = Collector::new(limits, &links, ids, memory, permits, submitters.clone());
            Cell::start(collector, number.to_string(), &desks[number], &board)
        });
        Self {
            collectors,
            submitters,
            loggers,
            pollers,
            file_remover: remover,
            sweeper,
            board,
            permits,
            ledger,
            links,
            memory,
            store: ports.store.clone(),
            store_down,
        }
    }

    /// Whether the store takes records.
    pub fn store_works(&self) -> bool {
        !self.store_down.load(Relaxed)
    }

    /// Bytes of bodies that are kept in memory.
    pub fn bodies_in_memory(&self) -> u64 {
        self.memory.taken()
    }

    /// What ails the upstream, for people; nothing while calls to it go well.
    pub fn upstream_trouble(&self) -> Option<String> {
        self.links.trouble()
    }

    /// How evenly the work of each kind is spread.
    pub fn balances(&self) -> [Balance; 4] {
        [self.collectors.balance(), self.submitters.balance(), self.pollers.balance(), self.loggers.balance()]
    }

    /// Takes up what an earlier life left unfinished. Returns the numbers of what was taken up. Everything
    /// is read before anything is started, so that a failure leaves nothing half taken up.
    pub async fn recover(&self) -> Result<Census, StoreFault> {
        let unfinished = replay(self.store.unfinished().await?);
        fail_point::pass(Point::ReplayRead);
        let found = Census::of(&unfinished);
        // A second try finds the same, and what is known already is not counted again.
        self.ledger.found(&unfinished);
        let inherited = self.store.inherited().await?;
        let removes = self.links.calling.removes_files;
        let spent = if removes { self.store.spent_files().await? } else { Vec::new() };
        let open = self.open(unfinished.open).await?;
        let mut resumed = Vec::new();
        for batch in unfinished.batches {
            resumed.push(self.resume(batch).await?);
        }
        for request in unfinished.awaited {
            let restore = Restore { open: Vec::new(), awaited: vec![request.clone()] };
            self.collectors.by(&request.lane).tell(restore);
            fail_point::pass(Point::ReplayAwaited);
        }
        for resume in resumed {
            self.submitters.least_loaded().tell(resume);
            fail_point::pass(Point::ReplayResumed);
        }
        for batch in inherited {
            tokio::spawn(inheritance::take_up(self.links.clone(), self.store.clone(), batch));
        }
        for (request, stored) in open {
            let lane = request.lane.clone();
            self.collectors.by(&lane).tell(Restore { open: vec![(request, stored)], awaited: Vec::new() });
            fail_point::pass(Point::ReplayOpen);
        }
        tokio::spawn(self.links.acquaintance.clone().read(self.store.clone()));
        spent.into_iter().for_each(|files| self.file_remover.tell(Remove(files)));
        self.sweeper.tell(Begin);
        Ok(found)
    }

    /// Looks at the bodies of requests that are to be collated again.
    async fn open(&self, requests: Vec<Accepted>) -> Result<Vec<(Accepted, Stored)>, StoreFault> {
        let mut open = Vec::with_capacity(requests.len());
        for some in requests.chunks(RESTORE) {
            let ids: Vec<RequestId> = some.iter().map(|request| request.id).collect();
            let mut found: HashMap<_, _> = self.store.bodies(&ids).await?.into_iter().collect();
            for request in some {
                match found.remove(&request.id) {
                    Some(body) => {
                        open.push((request.clone(), Stored::new(&request.lane, body, &self.memory)));
                    }
                    None => {
                        log::error!("request {} was accepted, but the store has no body for it", request.id)
                    }
                }
            }
        }
        Ok(open)
    }

    async fn resume(&self, unfinished: UnfinishedBatch) -> Result<Resume, StoreFault> {
        let mut lines = Vec::new();
        if matches!(unfinished.progress, Progress::Sealed) {
            for ids in unfinished.requests.chunks(RESTORE) {
                let found = self.store.bodies(ids).await?.into_iter();
                lines.extend(found.map(|(id, body)| Line { id, body: self.memory.body(body) }));
            }
        }
        let collector = self.collectors.by(&unfinished.lane).clone();
        Ok(Resume { unfinished, lines: lines.into(), collector })
    }

    /// Brings the graph to rest: open lanes are sealed and submitted, batches in flight are settled as far as
    /// `limit` allows, clients that still wait are released, the journal is flushed. Batches upstream are left
    /// alone: they are paid for, and the next life takes them up. Returns whether nothing was left.
    pub async fn drain(&self, limit: Duration) -> bool {
        let settled = tokio::time::timeout(limit, self.settle()).await.is_ok();
        self.collectors.tell_all(Release);
        // A store that does not work must not hold up the stop; what it lacks is not promised to anybody.
        let flushed = tokio::time::timeout(FLUSH_LIMIT, self.flush()).await.is_ok();
        settled && flushed
    }

    /// Lets go of the store. Nothing may be recorded afterwards.
    pub async fn close(&self) {
        self.store.close().await;
    }

    async fn settle(&self) {
        for collector in self.collectors.members() {
            // An actor that is gone has nothing left to do.
            let _ = collector.inquire(|reply| Drain { reply }).await;
        }
        for submitter in self.submitters.members() {
            // See above.
            let _ = submitter.inquire(|reply| Drain { reply }).await;
        }
        let mut in_flight = self.pollers.count();
        // The sender lives as long as `self`.
        let _ = in_flight.wait_for(|count| *count == 0).await;
    }

    async fn flush(&self) {
        for logger in self.loggers.members() {
            // A logger that is gone has nothing left to write.
            let _ = logger.inquire(|reply| Flush { reply }).await;
        }
    }
}

/// Requests whose bodies are fetched at once during a restart.
const RESTORE: usize = 200;
/// How long the last flush may take.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);
