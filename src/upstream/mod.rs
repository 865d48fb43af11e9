//! The Files and Batch API over HTTP.
//!
//! No redirect is followed: the key goes to the configured server and nowhere else. The key is a sensitive header
//! value, which no log, error or debug print shows.

mod batches;
mod faults;
mod files;
pub mod forward;

use std::{fmt, net::IpAddr, time::Duration};

use async_trait::async_trait;
use batch_gpt_actors::{
    ports::{Content, Listing, Pieces, Upstream, UpstreamFile},
    rules::{
        fault::Fault,
        ids::{BatchId, BatchKey, FileId},
        lane::Endpoint,
        upstream_batch::UpstreamBatch,
    },
};
use reqwest::{
    Method, RequestBuilder, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
    redirect,
};

/// Time to reach the server.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest silence in the middle of an answer.
const SILENCE: Duration = Duration::from_secs(60);
/// A whole call that moves no file.
const CALL: Duration = Duration::from_secs(60);
/// A whole upload or download: 200 MB at 1 Mbit/s take less than half of it.
const TRANSFER: Duration = Duration::from_secs(3600);

/// The key that the upstream knows the gateway by.
#[derive(Clone)]
pub struct UpstreamKey(HeaderValue);

/// A key with characters that no header can carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the upstream key has characters that a header cannot carry")]
pub struct UnusableKey;

impl UpstreamKey {
    /// Takes the key as the provider issued it.
    pub fn new(key: &str) -> Result<Self, UnusableKey> {
        let mut value = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| UnusableKey)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl fmt::Debug for UpstreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UpstreamKey(…)")
    }
}

/// Whether a URL leads to this machine.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// A client of one upstream.
#[derive(Debug, Clone)]
pub struct HttpUpstream {
    client: reqwest::Client,
    base_url: String,
    /// How long the files of the gateway's own batches are kept, in seconds from the making of each; the upstream's own
    /// default if `None`.
    files_expire_after: Option<u64>,
}

impl HttpUpstream {
    /// A client of the API at `base_url` (up to and with `/v1`).
    pub fn new(base_url: &str, key: &UpstreamKey) -> Result<Self, reqwest::Error> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, key.0.clone());
        let mut builder = reqwest::Client::builder();
        // A proxy would see the key, which does not need to leave this machine.
        if Url::parse(base_url).is_ok_and(|url| is_loopback(&url)) {
            builder = builder.no_proxy();
        }
        let client = builder
            .default_headers(headers)
            .user_agent(concat!("batch-gpt/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .build()?;
        Ok(Self { client, base_url: base_url.trim_end_matches('/').to_owned(), files_expire_after: None })
    }

    /// The same, whose files expire so many seconds after they were made (contract, sections 1.1 and 1.2).
    pub fn expiring(self, files_expire_after: Option<u64>) -> Self {
        Self { files_expire_after, ..self }
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base_url)).timeout(CALL)
    }
}

#[async_trait]
impl Upstream for HttpUpstream {
    async fn upload(&self, name: &str, content: Content) -> Result<FileId, Fault> {
        files::upload(self, name, content).await
    }

    async fn create(&self, file: &FileId, endpoint: Endpoint, key: BatchKey) -> Result<UpstreamBatch, Fault> {
        batches::create(self, file, endpoint, key).await
    }

    async fn retrieve(&self, id: &BatchId) -> Result<UpstreamBatch, Fault> {
        batches::retrieve(self, id).await
    }

    async fn cancel(&self, id: &BatchId) -> Result<UpstreamBatch, Fault> {
        batches::cancel(self, id).await
    }

    async fn list_batches(&self, after: Option<&BatchId>) -> Result<Listing<UpstreamBatch>, Fault> {
        batches::list(self, after).await
    }

    async fn list_files(&self, after: Option<&FileId>) -> Result<Listing<UpstreamFile>, Fault> {
        files::list(self, after).await
    }

    async fn content(&self, file: &FileId) -> Result<Pieces, Fault> {
        files::content(self, file).await
    }

    async fn remove(&self, file: &FileId) -> Result<(), Fault> {
        files::remove(self, file).await
    }
}
