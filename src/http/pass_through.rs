//! What clients ask of the upstream itself: the call goes on with the gateway's own key, and the answer comes back as
//! it is, but for what would mislead a client about who it talks to.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
};
use batch_gpt_actors::rules::{fault::Fault, outcome::ApiError};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use serde::Deserialize;

use super::{
    error::{HttpError, LONGEST_RETRY_AFTER, Retry},
    gateway::Gateway,
};
use crate::upstream::forward::{Errand, Reply};

/// Headers of a request that go along. A client's key does not, nor what names its organisation: the upstream knows
/// the gateway.
const ALONG: [&str; 3] = ["accept", "content-type", "openai-beta"];

/// Headers of an answer that concern one connection only, or the upstream as a site.
const DROPPED: [&str; 14] = [
    "alt-svc",
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "server",
    "set-cookie",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Longest answer that is read whole, in bytes: an error, one object, a page of ten thousand.
const LONGEST_WHOLE: usize = 16 << 20;

/// The path behind the base URL, and the query, as the client spelt them.
pub fn place(request: &HttpRequest) -> String {
    let whole = request.uri().path_and_query().map_or("", |place| place.as_str());
    whole.strip_prefix("/v1/").map_or_else(|| whole.to_owned(), |rest| format!("/{rest}"))
}

/// The client's headers that go along.
pub fn along(request: &HttpRequest, errand: &mut Errand) {
    for name in ALONG {
        for value in request.headers().get_all(name) {
            if let Ok(value) = reqwest::header::HeaderValue::from_bytes(value.as_bytes()) {
                errand.headers.push((reqwest::header::HeaderName::from_static(name), value));
            }
        }
    }
}

/// Runs an errand. An error of the upstream comes back as its own answer, if it is one that clients can read.
pub async fn ask(gateway: &Gateway, errand: Errand) -> Result<Reply, HttpError> {
    let reply = gateway.forwarder.send(errand).await.map_err(upstream_error)?;
    match reply.status {
        200..=299 => Ok(reply),
        401 | 403 => Err(credentials_refused()),
        // Where it leads, the gateway's key must not go, and a client's key is of no use.
        300..=399 => {
            let error =
                ApiError::new("upstream_error", Some("upstream_redirected"), "The upstream redirected.");
            Err(HttpError::new(StatusCode::BAD_GATEWAY, error))
        }
        status => readable(status, reply).await,
    }
}

/// An error object goes on; a page of HTML from the edge does not.
async fn readable(status: u16, reply: Reply) -> Result<Reply, HttpError> {
    #[derive(Deserialize)]
    struct Envelope {
        #[serde(rename = "error")]
        _error: ApiError,
    }
    let (mut reply, body) = whole(reply).await?;
    if serde_json::from_slice::<Envelope>(&body).is_ok() {
        reply.pieces = stream::iter([Ok(body)]).boxed();
        return Ok(reply);
    }
    let message = format!("The upstream answered with status {status}.");
    let error = ApiError::new("upstream_error", None, message);
    let retry = if status == 429 || status >= 500 { Retry::After(5) } else { Retry::No };
    Err(HttpError { status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY), error, retry })
}

/// The answer's body, read to its end. The answer keeps the rest.
pub async fn whole(mut reply: Reply) -> Result<(Reply, Bytes), HttpError> {
    let mut body = BytesMut::new();
    while let Some(piece) = reply.pieces.next().await {
        body.extend_from_slice(&piece.map_err(upstream_error)?);
        if body.len() > LONGEST_WHOLE {
            return Err(upstream_error(Fault::Transient("an endless answer".into())));
        }
    }
    Ok((reply, body.freeze()))
}

/// The answer on its way to the client, piece by piece. Where it is cut, the connection is: a part must not look like
/// all of it.
pub fn response(reply: Reply) -> HttpResponse {
    let mut response =
        HttpResponse::build(StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY));
    for (name, value) in &reply.headers {
        let name = name.as_str();
        if name == "content-length"
            && let Some(length) = value.to_str().ok().and_then(|length| length.parse().ok())
        {
            response.no_chunking(length);
        }
        if let Some((name, value)) = header(name, value.as_bytes()) {
            response.append_header((name, value));
        }
    }
    response.streaming(reply.pieces)
}

/// A header as clients see it.
fn header(name: &str, value: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    if DROPPED.contains(&name) {
        return None;
    }
    let seconds = || std::str::from_utf8(value).ok()?.trim().parse::<f64>().ok();
    let (name, value) = match name {
        // Every response has an id of the gateway's own.
        "x-request-id" => ("x-batch-gpt-upstream-request-id", HeaderValue::from_bytes(value).ok()?),
        "retry-after" => {
            (name, HeaderValue::from(seconds()?.ceil().clamp(0.0, LONGEST_RETRY_AFTER as f64) as u64))
        }
        "retry-after-ms" if seconds()? > LONGEST_RETRY_AFTER as f64 * 1000.0 => return None,
        _ => (name, HeaderValue::from_bytes(value).ok()?),
    };
    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
}

fn credentials_refused() -> HttpError {
    log::error!("the upstream refuses the gateway's key");
    let message = "The upstream does not accept the gateway's key.";
    let error = ApiError::new("server_error", Some("upstream_credentials_refused"), message);
    HttpError::new(StatusCode::BAD_GATEWAY, error)
}

/// What a client is told when a call upstream gave no answer.
pub fn upstream_error(fault: Fault) -> HttpError {
    match fault {
        Fault::Permanent { status: 401 | 403, .. } => credentials_refused(),
        Fault::Permanent { status, error } => {
            HttpError::new(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY), error)
        }
        // Sent again by itself, it might be made twice.
        Fault::Ambiguous(why) => {
            log::warn!("a client's call got no answer: {why}");
            let message = "The upstream did not answer, and may have done what was asked.";
            let error = ApiError::new("server_error", Some("upstream_answer_lost"), message);
            HttpError::new(StatusCode::BAD_GATEWAY, error)
        }
        other => {
            log::warn!("a client's call failed: {other}");
            let message = "The upstream could not be asked just now.";
            let error = ApiError::new("server_error", Some("upstream_unavailable"), message);
            HttpError { status: StatusCode::BAD_GATEWAY, error, retry: Retry::After(5) }
        }
    }
}
