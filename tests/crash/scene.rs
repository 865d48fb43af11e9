//! An upstream that survives, a gateway that does not, and clients that want their answers.

use std::{
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    time::{Duration, Instant},
};

use batch_gpt_rig::{
    client::{Answer, Client, Mode, expected, question},
    command::command,
    ledger::{Ledger, Violations},
    port,
    running::Running,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::{JoinSet, block_in_place};

use crate::place::Place;

/// Each body fills an eighth of what leaves in one piece of an upload.
const PADDING: usize = 32 << 10;
/// More than one batch, and each more than one piece of an upload.
const BATCH: &str = "15";
pub(crate) const CLIENTS: usize = 40;
const SIGABRT: i32 = 6;
const PATIENCE: Duration = Duration::from_secs(120);
/// The official clients pause for up to eight seconds; waiting for that shows nothing more.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Scene {
    upstream: Running,
    folder: TempDir,
    place: Place,
    port: u16,
    bodies: Vec<Vec<u8>>,
}

impl Scene {
    pub(crate) fn new(place: Place) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut simulate = command(env!("CARGO_BIN_EXE_batch-gpt"));
        simulate.args(["simulate", "--bind", "127.0.0.1:0", "--validating-ms", "50"]).args([
            "--per-batch-ms",
            "150",
            "--finalizing-ms",
            "50",
        ]);
        let upstream = block_in_place(|| Running::start(&mut simulate, &folder.path().join("upstream.log")));
        Self { upstream: upstream.unwrap(), folder, place, port: port::free().unwrap(), bodies: Vec::new() }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("gateway.log")
    }

    /// One life of the gateway, which may end at a point.
    pub(crate) fn gateway(&self, point: Option<&str>) -> Running {
        let mut serve = command(env!("CARGO_BIN_EXE_batch-gpt"));
        serve
            .arg("serve")
            .env("BATCH_GPT_BIND_ADDRESS", format!("127.0.0.1:{}", self.port))
            .env("OPENAI_BASE_URL", &self.upstream.base_url)
            .env("OPENAI_API_KEY", "simulated")
            .env("COLLATE_BATCHES_FOR_DURATION_IN_MS", "200")
            .env("BATCH_GPT_MAX_BATCH_REQUESTS", BATCH)
            .env("BATCH_GPT_POLLING_MIN_INTERVAL_MS", "20")
            .env("COLLECT_BATCH_STATS_POLLING_MAX_INTERVAL_SECONDS", "1")
            .env("RUST_LOG", "info,batch_gpt_actors::fail_point=debug");
        self.place.tell(&mut serve);
        if let Some(point) = point {
            serve.env("BATCH_GPT_FAIL_POINT", point);
        }
        Running::spawn(&mut serve, &self.log()).unwrap()
    }

    /// Clients that each want the answer to a question of their own.
    pub(crate) fn clients(&mut self) -> JoinSet<(String, Result<Answer, String>)> {
        let url = format!("http://127.0.0.1:{}/v1", self.port);
        let client = Client::new(&url, LONGEST_PAUSE, PATIENCE).unwrap();
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let content = format!("question {number} {}", "x".repeat(PADDING));
            let (body, client) = (question(&content), client.clone());
            self.bodies.push(body.clone());
            clients.spawn(async move { (content, client.ask(&body, Mode::Sync).await) });
        }
        clients
    }

    /// Waits until the gateway has ended at its point.
    pub(crate) fn died(&self, gateway: &mut Running) -> Result<(), String> {
        let status = block_in_place(|| gateway.ends(PATIENCE))?;
        match status.signal() {
            Some(SIGABRT) => Ok(()),
            _ => Err(format!("the gateway ended with {status}")),
        }
    }

    /// Waits until the gateway has stopped in order because it no longer trusts itself.
    pub(crate) fn gave_up(&self, gateway: &mut Running) -> Result<(), String> {
        let status = block_in_place(|| gateway.ends(PATIENCE))?;
        match status.code() {
            Some(1) => Ok(()),
            _ => Err(format!("the gateway ended with {status}")),
        }
    }

    /// Everybody has their own answer, each question was paid for once, and nothing is left to do.
    pub(crate) async fn ends_well(
        &mut self,
        mut gateway: Running,
        clients: JoinSet<(String, Result<Answer, String>)>,
    ) -> Result<(), String> {
        for (content, answer) in clients.join_all().await {
            let answer = answer.map_err(|why| format!("{}…: {why}", &content[..16]))?;
            let told = answer.content();
            if (answer.status, told.as_deref()) != (200, Some(&*expected(&content))) {
                return Err(format!("{}… was told {answer:.200?}", &content[..16]));
            }
        }
        // The life before may have answered everybody, and one that has hardly begun cannot stop in order.
        block_in_place(|| gateway.listens())?;
        block_in_place(|| gateway.stop())?;
        let third = block_in_place(|| {
            let mut third = self.gateway(None);
            third.listens().map(|()| third)
        })?;
        if third.said().contains("took up") {
            return Err(format!("something was left to do: {}", third.said()));
        }
        files_are_gone(&self.upstream.base_url).await?;
        block_in_place(|| third.stop())?;
        let ledger = Ledger::fetch(&self.upstream.base_url).await?;
        let violations = ledger.check(self.bodies.iter().map(Vec::as_slice));
        if violations != Violations::default() || !ledger.unended.is_empty() {
            return Err(format!("{violations:?}, not ended: {:?}", ledger.unended));
        }
        Ok(())
    }

    /// What all lives said.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }
}

/// Waits until no file is upstream any more. Nothing else waits for that, so it may take a life longer.
async fn files_are_gone(base_url: &str) -> Result<(), String> {
    let url = format!("{base_url}/files");
    let http = reqwest::Client::builder().no_proxy().build().map_err(|error| error.to_string())?;
    let begun = Instant::now();
    loop {
        let call = http.get(&url).bearer_auth("simulated").send().await;
        let list = call.map_err(|error| error.to_string())?.text().await;
        let list: Value = serde_json::from_str(&list.unwrap_or_default()).unwrap_or_default();
        match list["data"].as_array() {
            Some(files) if files.is_empty() => return Ok(()),
            _ if begun.elapsed() < PATIENCE => tokio::time::sleep(Duration::from_millis(50)).await,
            _ => return Err(format!("files are left upstream: {list}")),
        }
    }
}
