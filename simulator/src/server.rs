//! The running server.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use actix_web::{App, HttpServer, rt};
use tokio::sync::oneshot;

use crate::connection::Connection;
use crate::courier::Courier;
use crate::ledger::LedgerReport;
use crate::order::FaultOrder;
use crate::settings::Settings;
use crate::world::World;
use crate::{batch_routes, control, fault_routes, file_routes, gate, model_routes};

/// Seconds a graceful stop waits for running requests.
const SHUTDOWN_SECONDS: u64 = 5;

/// A simulator that is listening. Dropping it stops it without waiting for running requests.
pub struct Simulator {
    address: SocketAddr,
    world: Arc<World>,
    server: ServerHandle,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Simulator {
    /// Starts a simulator on a thread of its own, so that it can be called from any async runtime. The address
    /// is bound when this returns.
    ///
    /// # Errors
    ///
    /// Fails if the address cannot be bound, the thread cannot be started or the webhooks have no meaning.
    pub async fn start(settings: Settings) -> io::Result<Simulator> {
        let invalid = |cause| io::Error::new(io::ErrorKind::InvalidInput, cause);
        settings.webhooks.check().map_err(invalid)?;
        let (bind, workers) = (settings.bind, settings.workers.max(1));
        let world = Arc::new(World::new(settings));
        let (sender, receiver) = oneshot::channel();
        let shared = Arc::clone(&world);
        let thread = std::thread::Builder::new()
            .name("simulator".to_owned())
            .spawn(move || rt::System::new().block_on(serve(bind, workers, shared, sender)))?;
        match receiver.await {
            Ok((address, server)) => Ok(Simulator { address, world, server, thread: Some(thread) }),
            // The sender is dropped when binding fails, and then the thread ends with the cause.
            Err(_) => Err(match thread.join() {
                Ok(Err(cause)) => cause,
                _ => io::Error::other("the simulator did not start"),
            }),
        }
    }

    /// The base URL of the API, with the port that was bound: `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The URL of the control calls: `http://127.0.0.1:PORT/simulator`.
    pub fn control_url(&self) -> String {
        format!("http://{}/simulator", self.address)
    }

    /// What was executed so far. Brings all batches up to date first, which takes time in proportion to the
    /// lines that are due.
    pub fn ledger(&self) -> LedgerReport {
        self.world.report()
    }

    /// Moves the virtual clock forward and makes every step that became due.
    pub fn advance(&self, by: Duration) {
        self.world.clock.advance(u64::try_from(by.as_millis()).unwrap_or(u64::MAX));
        self.world.settle();
    }

    /// Orders faults, as `POST /simulator/faults` does; orders no call can ever meet are kept and wait.
    pub fn order_faults(&self, orders: Vec<FaultOrder>) {
        self.world.lock().fault_book.add(orders);
    }

    /// Forgets all orders that still wait, as `DELETE /simulator/faults` does.
    pub fn clear_faults(&self) {
        self.world.lock().fault_book.clear();
    }

    /// Stops listening and waits for the server to end; if `graceful`, running requests are finished first, for
    /// at most five seconds.
    pub async fn stop(mut self, graceful: bool) {
        self.server.stop(graceful).await;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the simulator's thread panicked");
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // The command is sent when the future is made; waiting for it is optional.
        drop(self.server.stop(false));
    }
}

async fn serve(
    bind: SocketAddr,
    workers: usize,
    world: Arc<World>,
    started: oneshot::Sender<(SocketAddr, ServerHandle)>,
) -> io::Result<()> {
    let world = Data::from(world);
    let courier = Courier::new(world.clone())?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(world.clone())
            .configure(file_routes::configure)
            .configure(batch_routes::configure)
            .configure(model_routes::configure)
            .configure(control::configure)
            .configure(fault_routes::configure)
            .default_service(web::to(gate::unknown_path))
            .wrap(from_fn(gate::pass))
    })
    .on_connect(Connection::remember)
    .workers(workers)
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .disable_signals()
    .bind(bind)?;
    let address = server.addrs().first().copied().unwrap_or(bind);
    let running = server.run();
    if started.send((address, running.handle())).is_err() {
        // Nobody waits for the simulator any more.
        return Ok(());
    }
    let delivery = rt::spawn(courier.run());
    let ended = running.await;
    delivery.abort();
    ended
}
