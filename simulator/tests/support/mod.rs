//! A client for the simulator as the tests need it.

// Every test binary compiles this module and none uses all of it.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::time::Duration;

use batch_gpt_simulator::{Knobs, Settings, Simulator, Timing};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

/// Seconds each stage lasts in tests: long enough that only the virtual clock gets past it.
pub const VALIDATING: u64 = 1_000;
pub const RUNNING: u64 = 10_000;
pub const FINALIZING: u64 = 500;
pub const CANCELLING: u64 = 600;

pub const CHAT: &str = "/v1/chat/completions";

/// Settings under which nothing happens until the test moves the clock.
pub fn frozen() -> Settings {
    Settings {
        timing: Timing {
            validating: Duration::from_secs(VALIDATING),
            per_batch: Duration::from_secs(RUNNING),
            finalizing: Duration::from_secs(FINALIZING),
            cancelling: Duration::from_secs(CANCELLING),
        },
        ..Settings::default()
    }
}

/// A simulator and a client that has a key for it.
pub struct Bench {
    pub simulator: Simulator,
    pub client: Client,
    pub key: String,
}

/// A status, its body, and the headers, as the test read them.
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub bytes: bytes::Bytes,
}

impl Answer {
    pub async fn of(response: Response) -> Answer {
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, bytes: response.bytes().await.expect("a complete body") }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("a JSON body")
    }

    /// Asserts success and returns the body.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", String::from_utf8_lossy(&self.bytes));
        self.json()
    }

    /// Asserts the status and that the body is an error object of exactly four members; returns these.
    pub fn error(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        let error = self.json()["error"].clone();
        let members: Vec<&str> =
            error.as_object().expect("an error object").keys().map(String::as_str).collect();
        assert_eq!(members, ["code", "message", "param", "type"]);
        error
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Bench {
    pub async fn frozen() -> Bench {
        Bench::with(frozen()).await
    }

    pub async fn with(settings: Settings) -> Bench {
        let simulator = Simulator::start(settings).await.expect("a free port");
        Bench { simulator, client: Client::new(), key: "sk-test".to_owned() }
    }

    /// A frozen bench with the given knobs.
    pub async fn turned(knobs: Knobs) -> Bench {
        Bench::with(Settings { knobs, ..frozen() }).await
    }

    /// The URL of a path below `/v1`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.simulator.base_url())
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.client.request(method, self.url(path)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::of(request.send().await.expect("an answer")).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    pub async fn post_form(&self, form: Form) -> Answer {
        let request = self.client.post(self.url("/files")).bearer_auth(&self.key).multipart(form);
        Answer::of(request.send().await.expect("an answer")).await
    }

    pub async fn upload_as(&self, filename: &str, purpose: &str, content: impl Into<Vec<u8>>) -> Answer {
        let file = Part::bytes(content.into()).file_name(filename.to_owned());
        self.post_form(Form::new().text("purpose", purpose.to_owned()).part("file", file)).await
    }

    /// Uploads an input file and returns its id.
    pub async fn upload(&self, content: impl Into<Vec<u8>>) -> String {
        id_of(&self.upload_as("input.jsonl", "batch", content).await.ok())
    }

    /// Creates a batch for chat completions and returns its id.
    pub async fn create(&self, file: &str) -> String {
        id_of(&self.post("/batches", create_body(file, CHAT)).await.ok())
    }

    /// Uploads an input file and creates a batch for it.
    pub async fn submit(&self, content: impl Into<Vec<u8>>) -> String {
        let file = self.upload(content).await;
        self.create(&file).await
    }

    pub async fn batch(&self, id: &str) -> Value {
        self.get(&format!("/batches/{id}")).await.ok()
    }

    pub async fn cancel(&self, id: &str) -> Answer {
        self.send(Method::POST, &format!("/batches/{id}/cancel"), None).await
    }

    /// Calls a control path below `/simulator`, which needs no key.
    pub async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.simulator.control_url()));
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::of(request.send().await.expect("an answer")).await
    }

    pub async fn advance(&self, seconds: u64) {
        self.control(Method::POST, "/clock", Some(json!({ "advance_seconds": seconds }))).await.ok();
    }

    pub async fn patch(&self, settings: Value) {
        self.control(Method::POST, "/settings", Some(settings)).await.ok();
    }

    /// Orders faults and returns those that wait.
    pub async fn order(&self, faults: Value) -> Value {
        self.control(Method::POST, "/faults", Some(faults)).await.ok()
    }

    /// Moves the clock past every stage and returns the batch, which must have ended.
    pub async fn finish(&self, id: &str) -> Value {
        self.advance(VALIDATING + RUNNING + FINALIZING + CANCELLING).await;
        let batch = self.batch(id).await;
        let ended = ["completed", "failed", "cancelled", "expired"];
        assert!(ended.contains(&text(&batch["status"])), "{batch}");
        batch
    }

    /// Runs one batch of chat lines to its completion.
    pub async fn run(&self, lines: &[String]) -> Value {
        let id = self.submit(file_of(lines)).await;
        let batch = self.finish(&id).await;
        assert_eq!(batch["status"], "completed", "{batch}");
        batch
    }

    pub async fn content(&self, file: &str) -> Vec<u8> {
        let answer = self.get(&format!("/files/{file}/content")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.bytes));
        answer.bytes.to_vec()
    }

    /// The lines of a result file of the batch, in their order; none if there is no such file.
    pub async fn results(&self, batch: &Value, member: &str) -> Vec<Value> {
        let Some(file) = batch[member].as_str().filter(|id| !id.is_empty()) else {
            return Vec::new();
        };
        let content = String::from_utf8(self.content(file).await).expect("UTF-8");
        content.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
    }
}

pub fn create_body(file: &str, endpoint: &str) -> Value {
    json!({ "input_file_id": file, "endpoint": endpoint, "completion_window": "24h" })
}

pub fn id_of(object: &Value) -> String {
    text(&object["id"]).to_owned()
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}"))
}

/// One input line with the given body, without its line feed.
pub fn line_to(url: &str, custom_id: &str, body: Value) -> String {
    json!({ "custom_id": custom_id, "method": "POST", "url": url, "body": body }).to_string()
}

pub fn chat_body(prompt: &str) -> Value {
    json!({ "model": "gpt-4o-mini", "messages": [{ "role": "user", "content": prompt }] })
}

/// One chat completion line.
pub fn chat_line(custom_id: &str, prompt: &str) -> String {
    line_to(CHAT, custom_id, chat_body(prompt))
}

/// Lines joined into a file with a final line feed.
pub fn file_of(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// A file of `count` chat lines with custom ids `id-0`, `id-1` and so on, each with its own prompt.
pub fn chat_file(count: usize) -> String {
    file_of(&(0..count).map(|n| chat_line(&format!("id-{n}"), &format!("question {n}"))).collect::<Vec<_>>())
}

/// Result lines by custom id, each of which must occur once.
pub fn by_custom_id(lines: &[Value]) -> BTreeMap<String, Value> {
    let map: BTreeMap<_, _> =
        lines.iter().map(|line| (text(&line["custom_id"]).to_owned(), line.clone())).collect();
    assert_eq!(map.len(), lines.len(), "a custom id occurs twice");
    map
}

/// Runs `bodies` as one batch and returns the bodies of the answers by position.
pub async fn answers(endpoint: &str, bodies: Vec<Value>) -> Vec<Value> {
    let bench = Bench::frozen().await;
    let lines: Vec<String> =
        bodies.into_iter().enumerate().map(|(n, body)| line_to(endpoint, &format!("{n:03}"), body)).collect();
    let file = bench.upload(file_of(&lines)).await;
    let id = id_of(&bench.post("/batches", create_body(&file, endpoint)).await.ok());
    let batch = bench.finish(&id).await;
    let output = bench.results(&batch, "output_file_id").await;
    assert_eq!(output.len(), lines.len(), "{:?}", bench.results(&batch, "error_file_id").await);
    by_custom_id(&output).into_values().map(|line| line["response"]["body"].clone()).collect()
}

/// A chat request with more members.
pub fn with(prompt: &str, members: Value) -> Value {
    let mut body = chat_body(prompt);
    for (name, value) in members.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}
