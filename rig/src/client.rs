//! A client that re-sends as the official ones do.
//!
//! It counts its re-sends in `x-stainless-retry-count`, backs off from half a second with the official spread, heeds
//! `Retry-After` and `x-should-retry`, and otherwise re-sends after 408, 409, 429 and 5xx. It is more patient than
//! they are by default: it gives up only after its limit.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::{Duration, Instant},
};

use reqwest::{RequestBuilder, Response, header::HeaderMap};
use serde_json::{Value, json};
use tokio::time::sleep;

/// First pause before a re-send.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Pause between two looks for an answer that comes later.
const LOOK: Duration = Duration::from_millis(100);

/// A client of one gateway.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    longest_pause: Duration,
    limit: Duration,
}

/// How a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The client waits for the answer.
    Sync,
    /// The client takes a receipt and comes back for the answer. A gateway that gives no receipts answers at once.
    Async,
}

/// What a request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// How often it was sent again.
    pub resent: u32,
}

impl Answer {
    /// What the first choice says.
    pub fn content(&self) -> Option<String> {
        let body: Value = serde_json::from_str(&self.body).ok()?;
        Some(body["choices"][0]["message"]["content"].as_str()?.to_owned())
    }
}

/// A question as the bytes of its request.
pub fn question(content: &str) -> Vec<u8> {
    question_to("m", content)
}

/// A question to one of several models.
pub fn question_to(model: &str, content: &str) -> Vec<u8> {
    json!({ "model": model, "messages": [{ "role": "user", "content": content }] }).to_string().into_bytes()
}

/// What the simulated upstream answers to it.
pub fn expected(content: &str) -> String {
    format!("Answer to: {content}")
}

impl Client {
    /// A client of the gateway at this base URL, up to and with `/v1`, that pauses no longer than `longest_pause` and
    /// gives up after `limit`.
    pub fn new(base_url: &str, longest_pause: Duration, limit: Duration) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, url: format!("{base_url}/chat/completions"), longest_pause, limit })
    }

    /// Sends a body until there is an answer that no re-send would change.
    pub async fn ask(&self, body: &[u8], mode: Mode) -> Result<Answer, String> {
        let began = Instant::now();
        let mut last = String::from("never sent");
        for resent in 0.. {
            if began.elapsed() > self.limit {
                break;
            }
            let call = self.http.post(&self.url).body(body.to_vec());
            let call = call
                .header("content-type", "application/json")
                .header("x-stainless-retry-count", resent)
                .bearer_auth("any");
            let call = match mode {
                Mode::Sync => call,
                Mode::Async => call.header("prefer", "respond-async"),
            };
            let pause = match self.reply(call).await {
                Ok(reply) if reply.status == 202 => return self.fetch(&reply, resent, began).await,
                Ok(reply) if !reply.again => return Ok(reply.answer(resent)),
                Ok(reply) => {
                    last = format!("{}: {}", reply.status, reply.body);
                    reply.after.unwrap_or_else(|| self.pause(resent))
                }
                Err(error) => {
                    last = error;
                    self.pause(resent)
                }
            };
            sleep(pause.min(self.limit.saturating_sub(began.elapsed()))).await;
        }
        Err(format!("no answer, at last {last}"))
    }

    /// Comes back with a receipt until the answer is there.
    async fn fetch(&self, receipt: &Reply, resent: u32, began: Instant) -> Result<Answer, String> {
        let body: Value = serde_json::from_str(&receipt.body).unwrap_or_default();
        let Some(id) = body["id"].as_str() else {
            return Err(format!("a receipt without an id: {}", receipt.body));
        };
        let url = format!("{}/{id}", self.url);
        let mut last = String::from("never asked");
        while began.elapsed() < self.limit {
            let call = self.http.get(&url).bearer_auth("any");
            match self.reply(call).await {
                Ok(reply) if reply.status != 202 && !reply.again => return Ok(reply.answer(resent)),
                Ok(reply) => last = format!("{}: {}", reply.status, reply.body),
                Err(error) => last = error,
            }
            sleep(LOOK).await;
        }
        Err(format!("no answer behind the receipt {id}, at last {last}"))
    }

    async fn reply(&self, call: RequestBuilder) -> Result<Reply, String> {
        let response = call.send().await.map_err(|error| format!("{error:?}"))?;
        Reply::read(response).await.map_err(|error| format!("{error:?}"))
    }

    /// Doubles, spread by up to a quarter.
    fn pause(&self, resent: u32) -> Duration {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let spread = 1.0 - 0.25 * f64::from(NEXT.fetch_add(37, Relaxed) % 100) / 100.0;
        let doubled = FIRST_PAUSE.saturating_mul(1 << resent.min(10));
        doubled.min(self.longest_pause).mul_f64(spread)
    }
}

struct Reply {
    status: u16,
    body: String,
    again: bool,
    after: Option<Duration>,
}

impl Reply {
    async fn read(response: Response) -> Result<Self, reqwest::Error> {
        let status = response.status().as_u16();
        let (again, after) = (again(status, response.headers()), after(response.headers()));
        Ok(Self { status, again, after, body: response.text().await? })
    }

    fn answer(self, resent: u32) -> Answer {
        Answer { status: self.status, body: self.body, resent }
    }
}

fn again(status: u16, headers: &HeaderMap) -> bool {
    match headers.get("x-should-retry").map(|value| value.as_bytes()) {
        Some(b"true") => true,
        Some(b"false") => false,
        _ => matches!(status, 408 | 409 | 429 | 500..),
    }
}

/// The official clients heed no more than a minute.
fn after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get("retry-after")?.to_str().ok()?.parse().ok()?;
    (1..=60).contains(&seconds).then(|| Duration::from_secs(seconds))
}
