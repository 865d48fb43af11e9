//! A browser's driver, spoken to as the WebDriver standard says.

use std::{
    env,
    io::{Read, Write},
    net::TcpStream,
    process::Stdio,
    time::Duration,
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::process::PATIENCE;

const DRIVER: &str = "chromedriver";
const CHROMIUM: &str = "chromium";
/// What the browser needs in a container, and what keeps it from the network.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
];

/// One browser with an empty profile.
pub struct Session {
    http: Client,
    port: u16,
    id: String,
    // Lives as long as the browser that is told by it, and goes before the profile.
    _driver: Child,
    _profile: TempDir,
}

fn is_missing(program: &str) -> bool {
    let found = std::process::Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    !found.is_ok_and(|status| status.success())
}

impl Session {
    /// A browser; `None` where there is none.
    pub async fn start() -> Option<Self> {
        if let Some(missing) = [CHROMIUM, DRIVER].into_iter().find(|program| is_missing(program)) {
            assert!(env::var("CI").as_deref() != Ok("true"), "{missing} is not installed");
            println!("skipped: {missing} is not installed");
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        let mut driver = Command::new(DRIVER)
            .args(["--port=0", "--log-level=SEVERE"])
            .env("HOME", profile.path())
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let port = port(&mut driver).await;
        let http = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let mut flags: Vec<String> = FLAGS.map(str::to_owned).into();
        flags.push(format!("--user-data-dir={}", profile.path().join("profile").display()));
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": flags },
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let url = format!("http://127.0.0.1:{port}/session");
        let answer: Value = http.post(url).json(&wanted).send().await.unwrap().json().await.unwrap();
        let id =
            answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("no browser: {answer}")).into();
        Some(Self { http, port, id, _driver: driver, _profile: profile })
    }

    /// Has the driver do something; returns the value that it answers.
    pub async fn tell(&self, method: Method, what: &str, body: Option<Value>) -> Value {
        let url = format!("http://127.0.0.1:{}/session/{}/{what}", self.port, self.id);
        let mut call = self.http.request(method, url);
        if let Some(body) = body {
            call = call.json(&body);
        }
        let answer = call.send().await.unwrap();
        let status = answer.status();
        let answer: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{what}: {answer}");
        answer["value"].clone()
    }
}

/// Where the driver listens.
async fn port(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let read = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            let port = line.split(" successfully on port ").nth(1).map(|rest| rest.trim_end_matches('.'));
            if let Some(port) = port.and_then(|port| port.parse().ok()) {
                return port;
            }
        }
        panic!("the driver did not say where it listens");
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap()
}

impl Drop for Session {
    /// The browser ends with its session, also where a test failed; it would outlive a driver that is killed.
    fn drop(&mut self) {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return;
        };
        let end = format!(
            "DELETE /session/{} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n",
            self.id, self.port
        );
        // What cannot be told any more needs no answer.
        let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
        let _ = stream.write_all(end.as_bytes()).and_then(|()| stream.read(&mut [0; 1024]));
    }
}
