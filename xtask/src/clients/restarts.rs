//! Stock clients of a gateway that is killed and started again.
//!
//! The simulated upstream takes an hour for a batch until its clock is moved on, so that the kill meets every request
//! on its way, however slow the machine is.

use std::{
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use batch_gpt_rig::{
    ledger::{Ledger, adjust, advance},
    port,
    running::Running,
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::with_upstream;
use crate::{
    acceptance::{gateway_behind, log, script, temporary, upstream},
    process::show,
    python::Python,
    repository::Repository,
};

/// Clients that wait while the gateway is killed.
const SURVIVORS: u64 = 500;
/// An hour.
const PER_BATCH_MS: &str = "3600000";
/// What takes the upstream's slowness away.
const QUICK: &str = r#"{"timing": {"per_batch_ms": 500}}"#;
/// Longer than a batch takes.
const TWO_HOURS: u32 = 7200;
/// Pause between two looks at what was sent upstream.
const LOOK: Duration = Duration::from_millis(200);

/// What outlives the gateway: its upstream, its data and its address.
struct Scene<'a> {
    repository: &'a Repository,
    upstream: Running,
    folder: TempDir,
    port: u16,
    runtime: Runtime,
}

impl<'a> Scene<'a> {
    fn set(repository: &'a Repository) -> Result<Self, String> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self {
            repository,
            upstream: upstream(repository, PER_BATCH_MS)?,
            folder: temporary()?,
            port: port::free().ok_or("no port is free")?,
            runtime: runtime.map_err(|error| format!("cannot make calls: {error}"))?,
        })
    }

    fn gateway(&self) -> Result<Running, String> {
        let mut serve = gateway_behind(self.repository, &self.folder, &self.upstream);
        serve
            .env("BATCH_GPT_BIND_ADDRESS", format!("127.0.0.1:{}", self.port))
            .env("COLLATE_BATCHES_FOR_DURATION_IN_MS", "1000");
        Running::start(&mut serve, &log(self.repository, "restarted"))
    }

    /// Waits until so many lines are in batches upstream, or the client has ended for whatever reason.
    fn submitted(&self, lines: u64, client: &mut Child) -> Result<(), String> {
        while self.runtime.block_on(Ledger::fetch(&self.upstream.base_url))?.lines < lines {
            match client.try_wait() {
                Ok(None) => thread::sleep(LOOK),
                Ok(Some(status)) => return Err(format!("the clients ended early with {status}")),
                Err(error) => return Err(format!("cannot wait for the clients: {error}")),
            }
        }
        Ok(())
    }

    /// Kills the gateway, starts it again, and lets the batches end; those that come now end soon by themselves.
    fn restart(&self, gateway: Running) -> Result<Running, String> {
        gateway.kill()?;
        let gateway = self.gateway()?;
        self.runtime.block_on(async {
            adjust(&self.upstream.base_url, QUICK).await?;
            advance(&self.upstream.base_url, TWO_HOURS).await
        })?;
        Ok(gateway)
    }

    fn end(self, gateway: Running) -> Result<(), String> {
        gateway.stop()?;
        self.upstream.stop()
    }
}

/// The gateway is killed while all wait for their answers, and the clients notice nothing.
pub fn survivors(repository: &Repository, python: &Python) -> Result<(), String> {
    let scene = Scene::set(repository)?;
    let gateway = scene.gateway()?;
    let mut clients = script(repository, python, "survivors.py", &gateway);
    clients.args(["--count", &SURVIVORS.to_string()]).stdin(Stdio::null());
    let mut clients = with_upstream(&mut clients, &scene.upstream)
        .spawn()
        .map_err(|error| format!("cannot start the clients: {error}"))?;
    let restarted = scene.submitted(SURVIVORS, &mut clients).and_then(|()| scene.restart(gateway));
    if restarted.is_err() {
        // They would wait for their answers.
        let _ = clients.kill();
    }
    let ended = clients.wait().map_err(|error| format!("cannot wait for the clients: {error}"))?;
    let gateway = restarted?;
    if !ended.success() {
        return Err(format!("the clients ended with {ended}"));
    }
    scene.end(gateway)
}

/// The gateway is killed between the receipts and the answers.
pub fn later(repository: &Repository, python: &Python) -> Result<(), String> {
    let scene = Scene::set(repository)?;
    let gateway = scene.gateway()?;
    let call = |what: &str, gateway: &Running| -> Command {
        let mut call = script(repository, python, "later.py", gateway);
        call.args([what, "--ids"]).arg(scene.folder.path().join("ids"));
        with_upstream(&mut call, &scene.upstream);
        call
    };
    show(&mut call("submit", &gateway), 0)?;
    let gateway = scene.restart(gateway)?;
    show(&mut call("retrieve", &gateway), 0)?;
    scene.end(gateway)
}
