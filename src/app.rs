//! The gateway as a whole: how it is built, served and brought to rest.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use actix_rt::Arbiter;
use actix_web::{App, HttpServer, dev::ServerHandle, middleware::from_fn, web::Data};
use batch_gpt_actors::{
    cell::Place,
    clock::Clock,
    ports::{StoreFault, TimeOrderedIds, Upstream},
    rules::census::Census,
    system::{Ports, System},
};
use batch_gpt_simulator::Simulator;
use tokio::{runtime::Runtime, task::JoinHandle};

use crate::{
    config::{Config, SPARE_CONNECTIONS, UpstreamConfig},
    http::{connections::Connections, door::Door, gateway::Gateway, request_id, routes},
    listener::listener,
    spill::TemporaryFiles,
    store,
    tls::Certificate,
    upstream::{HttpUpstream, UpstreamKey, forward::Forwarder},
    watch,
};

/// Pause before a store that could not be reached is tried again.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// Seconds that connections get to take their last answers.
const LAST_ANSWERS: u64 = 5;

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    /// The address is taken, or not ours.
    #[error("cannot listen on {0}: {1}")]
    Bind(SocketAddr, std::io::Error),
    /// The store needs somebody's help.
    #[error("{0}")]
    Store(#[from] StoreFault),
    /// The certificate cannot be served.
    #[error("cannot speak TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client could not be made.
    #[error("cannot make an HTTP client: {0}")]
    Upstream(#[from] reqwest::Error),
    /// The simulated upstream did not start.
    #[error("cannot start the simulated upstream: {0}")]
    Simulator(std::io::Error),
}

/// A gateway that listens.
pub struct Application {
    gateway: Data<Gateway>,
    server: ServerHandle,
    address: SocketAddr,
    upstream: Arc<dyn Upstream>,
    /// Lives as long as the gateway that uses it.
    simulator: Option<Simulator>,
    config: Config,
    runtime: Arc<Runtime>,
    /// Heed files that may change: keys, and the certificate.
    heeding: [JoinHandle<()>; 2],
}

impl Application {
    /// Binds and listens. Until [`start`](Self::start) every request is told to come back.
    pub async fn bind(config: Config, runtime: Arc<Runtime>) -> Result<Self, StartFault> {
        let (upstream, simulator) = upstream(&config).await?;
        let gateway = Data::new(Gateway::new(
            config.serving,
            Door::new(config.keys.clone(), config.administrator, config.limits.wrong_keys_per_minute),
            config.actors.open_requests,
            config.limits,
            Forwarder::new(upstream.clone(), runtime.handle().clone()),
        ));
        let shared = gateway.clone();
        let app =
            move || App::new().app_data(shared.clone()).wrap(from_fn(request_id::mark)).configure(routes);
        let connections = Connections::new(config.limits.connections_per_address);
        let server = HttpServer::new(app)
            .disable_signals()
            .on_connect(move |connection, extensions| connections.came(connection, extensions))
            .client_request_timeout(config.limits.head_time)
            // A client that leaves must be noticed, or its line would be paid for.
            .h1_allow_half_closed(false)
            .max_connections(config.actors.open_requests.places + SPARE_CONNECTIONS)
            .keep_alive(Duration::from_secs(75))
            .shutdown_timeout(LAST_ANSWERS);
        let taken = |error| StartFault::Bind(config.bind, error);
        let listener = listener(config.bind).map_err(taken)?;
        let server = match &config.tls {
            Some(certificate) => server.listen_rustls_0_23(listener, certificate.server()?),
            None => server.listen(listener),
        };
        let server = server.map_err(taken)?;
        let address = server.addrs().first().copied().unwrap_or(config.bind);
        let server = server.run();
        let handle = server.handle();
        actix_rt::spawn(server);
        let upstream = Arc::new(upstream);
        let heeding = [
            actix_rt::spawn(heed_keys(gateway.clone())),
            actix_rt::spawn(heed_certificate(config.tls.clone())),
        ];
        Ok(Self { gateway, server: handle, address, upstream, simulator, config, runtime, heeding })
    }

    /// What it was told.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL, without `/v1`.
    pub fn url(&self) -> String {
        let scheme = if self.config.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The simulated upstream, if that is the upstream.
    pub fn simulator(&self) -> Option<&Simulator> {
        self.simulator.as_ref()
    }

    /// The actors, once they have started.
    pub fn system(&self) -> Option<&System> {
        self.gateway.system().ok()
    }

    /// Tells, whenever it is asked, whether no actor stands still.
    pub fn pulse(&self) -> impl Fn() -> bool + 'static {
        let gateway = self.gateway.clone();
        move || gateway.standing_still().is_empty()
    }

    /// Opens the store, waiting for one that cannot be reached, takes up what is unfinished, and serves.
    pub async fn start(&self) -> Result<(), StartFault> {
        let clock = Clock::start();
        let owner = uuid::Uuid::new_v4().to_string();
        let store = loop {
            match store::open(&self.config.store, &owner).await {
                Ok(store) => break store,
                Err(fault @ StoreFault::Unavailable(_)) => {
                    log::warn!("waiting for the store: {fault}");
                    tokio::time::sleep(STORE_RETRY).await;
                }
                Err(fault) => return Err(fault.into()),
            }
        };
        let (upstream, prices) = (self.upstream.clone(), self.config.prices.clone());
        let spills = Arc::new(TemporaryFiles::beside(&self.config.store));
        let ports = Ports { upstream, store, spills, ids: Arc::new(TimeOrderedIds), clock, prices };
        let system = System::start(&ports, &self.config.actors, || self.place());
        loop {
            match system.recover().await.map(log_recovery) {
                Ok(()) => break,
                Err(fault @ StoreFault::Unavailable(_)) => {
                    log::warn!("waiting for the store: {fault}");
                    tokio::time::sleep(STORE_RETRY).await;
                }
                // A damaged file does not mend by waiting.
                Err(fault) => {
                    system.close().await;
                    return Err(fault.into());
                }
            }
        }
        self.gateway.serve(system);
        Ok(())
    }

    /// A thread of its own for an actor; its tasks run on the one shared runtime, to which clients of HTTP and
    /// databases are bound.
    fn place(&self) -> Place {
        let runtime = self.runtime.clone();
        Place::On(Arbiter::with_tokio_rt(move || runtime).handle())
    }

    /// Resolves when too many handlers have panicked for the gateway to trust itself.
    pub async fn distrusted(&self) {
        let Ok(system) = self.gateway.system() else {
            return std::future::pending().await;
        };
        let mut distrust = system.board.distrust();
        if distrust.wait_for(|distrust| *distrust).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Stops in order: nothing new is accepted, what is open is submitted, clients are answered or released, the
    /// journal is flushed, connections are closed.
    pub async fn stop(self) {
        self.gateway.drain();
        if let Ok(system) = self.gateway.system() {
            let settled = system.drain(self.config.drain).await;
            log::info!(
                "{}",
                if settled { "everything is settled" } else { "the rest waits for the next start" }
            );
        }
        self.server.stop(true).await;
        self.heeding.iter().for_each(JoinHandle::abort);
        if let Ok(system) = self.gateway.system() {
            system.close().await;
        }
        if let Some(simulator) = self.simulator {
            simulator.stop(false).await;
        }
    }
}

/// Heeds the file of keys, if there is one.
async fn heed_keys(gateway: Data<Gateway>) {
    if let Some(file) = gateway.door.keys().file() {
        watch::heed(vec![file.path().to_owned()], "keys", || gateway.reload_keys()).await;
    }
}

/// Heeds the certificate, if there is one.
async fn heed_certificate(certificate: Option<Arc<Certificate>>) {
    if let Some(certificate) = certificate {
        watch::heed(certificate.paths(), "certificate", || certificate.reload()).await;
    }
}

fn log_recovery(found: Census) {
    if !found.is_empty() {
        log::info!("took up what an earlier run left: {found}");
    }
}

async fn upstream(config: &Config) -> Result<(HttpUpstream, Option<Simulator>), StartFault> {
    match &config.upstream {
        UpstreamConfig::At(url, key) => {
            Ok((HttpUpstream::new(url, key)?.expiring(config.files_expire_after), None))
        }
        UpstreamConfig::Simulated => {
            let settings = batch_gpt_simulator::Settings {
                bind: SocketAddr::from(([127, 0, 0, 1], 0)),
                // Its ids follow from the seed, and a data folder may have seen those of an earlier run.
                seed: uuid::Uuid::new_v4().as_u64_pair().0,
                ..batch_gpt_simulator::Settings::default()
            };
            let simulator = Simulator::start(settings).await.map_err(StartFault::Simulator)?;
            // The simulator takes any key, and this one is nobody's.
            let key = UpstreamKey::new("simulated").map_err(|_| std::io::Error::other("no key"));
            let upstream = HttpUpstream::new(&simulator.base_url(), &key.map_err(StartFault::Simulator)?)?;
            Ok((upstream.expiring(config.files_expire_after), Some(simulator)))
        }
    }
}
