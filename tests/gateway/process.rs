//! A gateway process with an upstream and a folder of its own.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use batch_gpt_simulator::{LedgerReport, Settings, Simulator, Timing};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::mpsc,
};

/// The upstream key that nothing may ever show.
pub const UPSTREAM_KEY: &str = "sk-canary-upstream-7f3a";

/// How long a test waits for something that must come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A window that is still open when a slow test looks.
pub const WIDE_WINDOW: (&str, &str) = ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "2000");

pub struct Gateway {
    pub url: String,
    pub simulator: Simulator,
    pub client: Client,
    child: Child,
    log: mpsc::UnboundedReceiver<String>,
    /// Everything the process wrote so far.
    pub written: Vec<String>,
    settings: Vec<(String, String)>,
    folder: TempDir,
}

/// One life of the process.
struct Life {
    url: String,
    child: Child,
    log: mpsc::UnboundedReceiver<String>,
    written: Vec<String>,
}

/// A simulated upstream whose batches take so long, and hardly any time before and after.
pub async fn simulator(takes: Duration) -> Simulator {
    let moment = Duration::from_millis(50);
    let timing = Timing { validating: moment, per_batch: takes, finalizing: moment, ..Timing::default() };
    let bind = "127.0.0.1:0".parse().unwrap();
    Simulator::start(Settings { bind, timing, ..Settings::default() }).await.unwrap()
}

/// The binary under test with nothing of the surroundings.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_batch-gpt"));
    command.env_clear().kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

impl Gateway {
    /// A gateway with a short window in front of an upstream that is quick.
    pub async fn start() -> Self {
        Self::with(Duration::from_millis(200), &[]).await
    }

    /// A gateway whose upstream takes so long, with these settings on top. It serves when this returns.
    pub async fn with(takes: Duration, settings: &[(&str, &str)]) -> Self {
        Self::launch(simulator(takes).await, settings, " serves ").await
    }

    /// A gateway of which no more is known than that it listens.
    pub async fn listening(takes: Duration, settings: &[(&str, &str)]) -> Self {
        Self::launch(simulator(takes).await, settings, "listening on ").await
    }

    /// A gateway in front of this upstream, as soon as it logs an address behind these words.
    pub async fn launch(simulator: Simulator, settings: &[(&str, &str)], words: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings: Vec<_> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let Life { url, child, log, written } = Life::begin(&simulator, &folder, &settings, words).await;
        let client = Client::builder().timeout(PATIENCE).pool_max_idle_per_host(0).build().unwrap();
        Self { url, simulator, client, child, log, written, settings, folder }
    }

    /// Ends the process as a crash would, and begins another on what it left. It serves when this returns.
    pub async fn crash(&mut self) {
        self.child.kill().await.unwrap();
        let life = Life::begin(&self.simulator, &self.folder, &self.settings, " serves ").await;
        (self.url, self.child, self.log, self.written) = (life.url, life.child, life.log, life.written);
    }

    /// From the next start on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Orders faults of the upstream.
    pub fn order(&self, faults: Value) {
        self.simulator.order_faults(serde_json::from_value(faults).unwrap());
    }

    /// Changes the upstream's settings.
    pub async fn adjust(&self, settings: Value) {
        let url = format!("{}/settings", self.simulator.control_url());
        let answer = self.client.post(url).json(&settings).send().await.unwrap();
        assert!(answer.status().is_success(), "{settings}: {}", answer.text().await.unwrap());
    }

    /// The address without `/v1`.
    pub fn root(&self) -> &str {
        self.url.strip_suffix("/v1").unwrap()
    }

    /// The folder of its journal.
    pub fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Where it listens.
    pub fn address(&self) -> std::net::SocketAddr {
        self.root().split_once("://").unwrap().1.parse().unwrap()
    }

    pub fn chat(&self, model: &str, prompt: &str) -> RequestBuilder {
        self.chat_as("any", model, prompt)
    }

    pub fn chat_as(&self, key: &str, model: &str, prompt: &str) -> RequestBuilder {
        let body = json!({ "model": model, "messages": [{ "role": "user", "content": prompt }] });
        self.client.post(format!("{}/chat/completions", self.url)).bearer_auth(key).json(&body)
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.root())).bearer_auth("any").send().await.unwrap()
    }

    pub async fn get_json(&self, path: &str) -> Value {
        self.get(path).await.json().await.unwrap()
    }

    /// Asks for an answer that comes later until it is no longer on its way.
    pub async fn end_of(&self, id: &str) -> Response {
        let wait = async {
            loop {
                let response = self.get(&format!("/v1/chat/completions/{id}")).await;
                if response.status() != 202 {
                    return response;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap()
    }

    pub fn ledger(&self) -> LedgerReport {
        self.simulator.ledger()
    }

    /// All actors of a kind.
    pub async fn actors(&self, kind: &str) -> Vec<Value> {
        let actors = self.get_json("/debug/actors").await;
        actors["actors"].as_array().unwrap().iter().filter(|actor| actor["kind"] == kind).cloned().collect()
    }

    /// Waits until so many requests wait in open windows, which must be long enough to be seen.
    pub async fn waiting(&self, count: u64) {
        until(async || {
            let collectors = self.actors("Collector").await;
            // One that is busy says nothing.
            let open = collectors.iter().map(|collector| collector["own"]["open_requests"].as_u64());
            open.sum::<Option<u64>>() == Some(count)
        })
        .await;
    }

    /// Whether these words stand anywhere in the files of its data folder.
    pub fn keeps(&self, words: &str) -> bool {
        let files = std::fs::read_dir(self.folder.path().join("data")).unwrap();
        let holds = |bytes: Vec<u8>| bytes.windows(words.len()).any(|window| window == words.as_bytes());
        files.map(|file| file.unwrap().path()).any(|path| std::fs::read(path).is_ok_and(holds))
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Waits until the process writes a line with these words, if it has not yet; gives that line.
    pub async fn says(&mut self, words: &str) -> String {
        let mut read = 0;
        loop {
            if let Some(line) = self.written[read..].iter().find(|line| line.contains(words)) {
                return line.clone();
            }
            read = self.written.len();
            let line = tokio::time::timeout(PATIENCE, self.log.recv()).await;
            let line = line.unwrap_or_else(|_| panic!("nothing says {words:?}"));
            self.written.push(line.unwrap_or_else(|| panic!("it ended and never said {words:?}")));
        }
    }

    /// Waits for the end of the process and for its last words.
    pub async fn ended(&mut self) -> ExitStatus {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        while let Some(line) = self.log.recv().await {
            self.written.push(line);
        }
        status
    }
}

impl Life {
    /// Starts the process; returns as soon as it logs an address behind these words.
    async fn begin(
        simulator: &Simulator,
        folder: &TempDir,
        settings: &[(String, String)],
        words: &str,
    ) -> Self {
        let mut child = command()
            .arg("serve")
            .env("OPENAI_BASE_URL", simulator.base_url())
            .env("OPENAI_API_KEY", UPSTREAM_KEY)
            .env("BATCH_GPT_BIND_ADDRESS", "127.0.0.1:0")
            .env("BATCH_GPT_DATA_DIR", folder.path().join("data"))
            .env("COLLATE_BATCHES_FOR_DURATION_IN_MS", "300")
            .env("BATCH_GPT_POLLING_MIN_INTERVAL_MS", "100")
            // Tests look into the files upstream.
            .env("BATCH_GPT_DELETE_UPSTREAM_FILES", "off")
            .env("RUST_LOG", "trace,hyper_util=info,mio=info")
            .envs(batch_gpt_rig::command::pools())
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .spawn()
            .unwrap();
        let (sender, mut log) = mpsc::unbounded_channel();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let _ = sender.send(line);
            }
        });
        let mut written = Vec::new();
        let url = loop {
            let line = tokio::time::timeout(PATIENCE, log.recv()).await.unwrap();
            let line = line.unwrap_or_else(|| panic!("the gateway did not start: {written:#?}"));
            let address = line.split(words).nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_owned);
            written.push(line);
            if let Some(address) = address {
                break format!("{}/v1", address.trim_end_matches("/v1"));
            }
        };
        Self { url, child, log, written }
    }
}

/// Waits until something holds.
pub async fn until(holds: impl AsyncFn() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

/// The text of a completion.
pub fn text(completion: &Value) -> &str {
    completion["choices"][0]["message"]["content"]
        .as_str()
        .unwrap_or_else(|| panic!("no text in {completion}"))
}
