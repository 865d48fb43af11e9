//! Calls of clients, made with the gateway's own key, byte for byte both ways.

use std::{io, sync::Arc};

use batch_gpt_actors::{
    ports::{Pieces, Upstream},
    rules::{fault::Fault, ids::BatchId, outcome::ApiError, upstream_batch::UpstreamBatch},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use reqwest::{
    Body, Method,
    header::{HeaderName, HeaderValue},
};
use tokio::runtime::Handle;

use super::{
    HttpUpstream, TRANSFER,
    faults::{Effect, broken},
};

/// A client's call. Its own key never goes along.
pub struct Errand {
    /// `GET`, `POST` or `DELETE`.
    pub method: Method,
    /// The path behind the base URL, and the query, as the client spelt them.
    pub path: String,
    /// What is asked for beyond the query of the path.
    pub query: Vec<(&'static str, String)>,
    /// Headers that go along.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body, piece by piece.
    pub body: Option<BoxStream<'static, io::Result<Bytes>>>,
}

impl Errand {
    /// A call without query, headers and body.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), headers: Vec::new(), body: None }
    }
}

/// What the upstream answered, whatever its status.
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// All its headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body. It ends with a fault where it was cut.
    pub pieces: Pieces,
}

/// Makes clients' calls. Connections live on the runtime that all calls upstream share: those of a server's worker
/// would end with it, under calls of others.
#[derive(Clone)]
pub struct Forwarder {
    upstream: Arc<HttpUpstream>,
    runtime: Handle,
}

impl Forwarder {
    /// A forwarder that makes its calls on `runtime`.
    pub fn new(upstream: HttpUpstream, runtime: Handle) -> Self {
        Self { upstream: Arc::new(upstream), runtime }
    }

    /// Runs an errand.
    pub async fn send(&self, errand: Errand) -> Result<Reply, Fault> {
        self.run(|upstream| async move { send(&upstream, errand).await }).await
    }

    /// Asks how a batch stands.
    pub async fn retrieve(&self, id: BatchId) -> Result<UpstreamBatch, Fault> {
        self.run(|upstream| async move { upstream.retrieve(&id).await }).await
    }

    /// Asks for a batch's cancellation.
    pub async fn cancel(&self, id: BatchId) -> Result<UpstreamBatch, Fault> {
        self.run(|upstream| async move { upstream.cancel(&id).await }).await
    }

    async fn run<T, F>(&self, call: impl FnOnce(Arc<HttpUpstream>) -> F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let task = self.runtime.spawn(call(self.upstream.clone()));
        task.await.unwrap_or_else(|gone| Err(Fault::Ambiguous(gone.to_string())))
    }
}

/// Whether a path has dots that lead out of it. A reader of URLs takes it for another path, which might lead to what
/// is not this client's.
pub fn strays(path: &str) -> bool {
    let spelt = path.to_ascii_lowercase().replace("%2f", "/").replace("%5c", "/").replace("%2e", ".");
    spelt.split(['/', '\\']).any(|segment| matches!(segment, "." | ".."))
}

async fn send(upstream: &HttpUpstream, errand: Errand) -> Result<Reply, Fault> {
    let effect = if errand.method == Method::POST { Effect::Creates } else { Effect::None };
    let path = errand.path.split('?').next().unwrap_or_default();
    if strays(path) {
        let error = ApiError::new("invalid_request_error", None, format!("Invalid URL ({path})"));
        return Err(Fault::Permanent { status: 404, error });
    }
    let mut call = upstream.call(errand.method, &errand.path).timeout(TRANSFER);
    if !errand.query.is_empty() {
        call = call.query(&errand.query);
    }
    for (name, value) in errand.headers {
        call = call.header(name, value);
    }
    if let Some(body) = errand.body {
        call = call.body(Body::wrap_stream(body));
    }
    let response = call.send().await.map_err(|error| broken(effect, error))?;
    Ok(Reply {
        status: response.status().as_u16(),
        headers: response.headers().iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        pieces: response
            .bytes_stream()
            .map(|piece| piece.map_err(|error| broken(Effect::None, error)))
            .boxed(),
    })
}

#[cfg(test)]
mod tests {
    use super::strays;

    #[test]
    fn dots_lead_astray_and_names_with_dots_do_not() {
        for path in
            ["/models/..", "/models/./x", "/models/%2E%2e/files", "/models/x%2f..%2Ffiles", "/a\\..\\b"]
        {
            assert!(strays(path), "{path}");
        }
        for path in ["/models/gpt-4.1", "/models/meta/llama..3", "/models/a%2Fb.c", "/files"] {
            assert!(!strays(path), "{path}");
        }
    }
}
