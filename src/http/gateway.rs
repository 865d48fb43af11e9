//! What every handler needs: the actors, the door, and whether the door is open.

use std::{
    fmt,
    hash::Hash,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use actix_web::HttpRequest;
use batch_gpt_actors::{
    cell::{Letter, Receive},
    meter::Reading,
    permits::{Permit, Permits},
    rules::{admission::Capacity, ids::FileId, lane::Tenant, record::Record, time::Timestamp},
    status_logger::{Answer, OwnFiles, StatusLogger, Write},
    system::System,
};
use tokio::sync::oneshot;

use super::{door::Door, error::HttpError, hold::Holding, limits::Limits, traffic::Traffic};
use crate::{keys::file::BadKeyFile, upstream::forward::Forwarder};

/// What a client gets when it says nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It waits for the end of its request.
    Sync,
    /// It is told an id, and asks for the end later.
    Async,
    /// It gets a stored answer or none.
    Cache,
}

/// How clients are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Serving {
    /// What they get when they say nothing else.
    pub mode: Mode,
    /// How those are held that wait.
    pub holding: Holding,
    /// Whether equal requests of a tenant share one answer.
    pub cache: bool,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sync => "sync",
            Self::Async => "async",
            Self::Cache => "cache",
        })
    }
}

/// Shared by all handlers.
pub struct Gateway {
    /// The actors, once the journal has been read.
    system: OnceLock<System>,
    draining: AtomicBool,
    /// How clients are served.
    pub serving: Serving,
    /// What a client may take before it is served.
    pub limits: Limits,
    /// Who may come in.
    pub door: Door,
    /// The places of clients whose responses have not ended.
    pub clients: Permits,
    /// Responses by route.
    pub traffic: Traffic,
    /// The way upstream for what is passed through.
    pub forwarder: Forwarder,
}

impl Gateway {
    /// A gateway that is starting. At most so many clients are waited upon at a time.
    pub fn new(
        serving: Serving,
        door: Door,
        clients: Capacity,
        limits: Limits,
        forwarder: Forwarder,
    ) -> Self {
        let (clients, traffic) = (Permits::new(clients), Traffic::default());
        let (system, draining) = (OnceLock::new(), AtomicBool::new(false));
        Self { system, draining, serving, limits, door, clients, traffic, forwarder }
    }

    /// Starts to serve with these actors, which have taken up what was unfinished.
    pub fn serve(&self, system: System) -> &System {
        // The file of keys may have changed while the journal was read.
        system.permits.share_among(self.door.keys().tenants());
        self.system.get_or_init(|| system)
    }

    /// Accepts nothing more.
    pub fn drain(&self) {
        self.draining.store(true, Relaxed);
    }

    /// Whether it accepts nothing more.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }

    /// The actors; while the journal is still being read, what clients are told instead.
    pub fn system(&self) -> Result<&System, HttpError> {
        let starting = || HttpError::unavailable("gateway_starting", "The gateway is reading its journal.");
        self.system.get().ok_or_else(starting)
    }

    /// The actors, if new requests are taken; otherwise what their clients are told.
    pub fn open(&self) -> Result<&System, HttpError> {
        if self.is_draining() {
            return Err(HttpError::stopping());
        }
        let system = self.system()?;
        if system.store_works() { Ok(system) } else { Err(HttpError::store_unavailable()) }
    }

    /// The actors that stand still for longer than a heartbeat.
    pub fn standing_still(&self) -> Vec<Reading> {
        let limit = self.serving.holding.interval;
        self.system.get().map(|system| system.board.standing_still(limit)).unwrap_or_default()
    }

    /// Puts a question to the store, through the StatusLogger that has `key`.
    pub async fn inquire<M, T>(
        &self,
        key: &impl Hash,
        question: impl FnOnce(Answer<T>) -> M,
    ) -> Result<T, HttpError>
    where
        M: Letter,
        StatusLogger: Receive<M>,
    {
        let logger = self.system()?.loggers.by(key);
        let answer = logger.inquire(question).await.map_err(|_| HttpError::internal())?;
        answer.map_err(|_| HttpError::store_unavailable())
    }

    /// Makes a record durable, through the StatusLogger that has `key`. A record that is not `refusable` waits for a
    /// store that fails.
    pub async fn record(&self, key: &impl Hash, record: Record, refusable: bool) -> Result<(), HttpError> {
        let (reply, recorded) = oneshot::channel();
        // Who asked may have left.
        let done = Box::new(move |result| drop(reply.send(result)));
        self.system()?.loggers.by(key).tell(Write { record, done: Some(done), refusable });
        match recorded.await {
            Ok(result) => result.map_err(|_| HttpError::store_unavailable()),
            Err(_) => Err(HttpError::internal()),
        }
    }

    /// Whether a file is this tenant's; an administrator (`None`) may have any.
    pub async fn owns(&self, tenant: Option<&Tenant>, file: &FileId) -> Result<bool, HttpError> {
        let Some(tenant) = tenant.cloned() else {
            return Ok(true);
        };
        let files = vec![file.clone()];
        let own = self.inquire(file, |reply| OwnFiles { tenant, files, reply }).await?;
        Ok(!own.is_empty())
    }

    /// A place for a client, to be held until its response has ended. A new request must find room among the open
    /// ones, too; one that is sent again may be one of those, which its Collector knows.
    pub fn admit(&self, tenant: &Tenant, resent: bool) -> Result<Permit, HttpError> {
        if !resent && !self.system()?.permits.has_room(tenant) {
            return Err(HttpError::full());
        }
        self.place(tenant)
    }

    /// A place for a client that sends a body, to be held until its response has begun.
    pub fn place(&self, tenant: &Tenant) -> Result<Permit, HttpError> {
        self.clients.take(tenant).ok_or_else(HttpError::full)
    }

    /// See [`Door::tenant`].
    pub fn tenant(&self, request: &HttpRequest) -> Result<Tenant, HttpError> {
        self.door.tenant(request)
    }

    /// See [`Door::scope`].
    pub fn scope(&self, request: &HttpRequest) -> Result<Option<Tenant>, HttpError> {
        self.door.scope(request)
    }

    /// See [`Door::administrator`].
    pub fn administrators_only(&self, request: &HttpRequest) -> Result<(), HttpError> {
        self.door.administrator(request)
    }

    /// Reads the file of keys again; a tenant that is new gets its share of the places.
    pub fn reload_keys(&self) -> Result<(), BadKeyFile> {
        let keys = self.door.keys();
        keys.reload()?;
        self.clients.share_among(keys.tenants());
        if let Some(system) = self.system.get() {
            system.permits.share_among(keys.tenants());
        }
        Ok(())
    }
}

/// The time of day.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
