//! `POST` to the endpoints whose calls are collated into batches.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{self, Data},
};
use batch_gpt_actors::{
    collector::{Enqueue, Refused},
    rules::{
        body,
        lane::{Endpoint, Lane},
        outcome::ApiError,
    },
    waiting_room::{Client, Delivery},
};
use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::sync::oneshot;

use super::{
    answer::accepted,
    error::HttpError,
    gateway::{Gateway, Mode},
    hold::{Ended, ended},
    stream::Emulation,
};

/// Memory set aside on a client's mere word that so much will come.
const TRUSTED_LENGTH: usize = 64 << 10;

/// `POST /v1/chat/completions`: holds the client until its line's outcome is there, or tells it where to ask later.
pub async fn chat_completions(
    request: HttpRequest,
    payload: web::Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    collate(Endpoint::ChatCompletions, &request, payload, &gateway).await
}

async fn collate(
    endpoint: Endpoint,
    request: &HttpRequest,
    payload: web::Payload,
    gateway: &Gateway,
) -> Result<HttpResponse, HttpError> {
    let tenant = gateway.tenant(request)?;
    let system = gateway.open()?;
    let permit = gateway.admit()?;
    json_only(request)?;
    let bytes = read(request, payload, gateway.max_body_bytes).await?;
    let checked = body::check(endpoint, &bytes).map_err(HttpError::bad_request)?;
    // The client's own buffer goes now; what is kept from here on is the line.
    drop(bytes);
    let fingerprint = checked.fingerprint(&tenant, endpoint);
    let lane = Arc::new(Lane { tenant, endpoint, model: checked.model });
    let (asked, resent) = (prefers_async(request), is_resent(request));
    let queue = async |client| {
        let enqueue = Enqueue { lane: lane.clone(), fingerprint, body: checked.line, resent, client };
        match system.collectors.by(&lane).ask(enqueue).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Refused::Draining)) => Err(HttpError::stopping()),
            Ok(Err(refused @ Refused::TooLarge)) => Err(too_large(refused.to_string())),
            Err(_) => Err(HttpError::internal()),
        }
    };
    // A stream is waited for in any mode: its client could make nothing of a word on where to ask.
    if asked || (gateway.mode == Mode::Async && !checked.stream) {
        let (reply, delivery) = oneshot::channel();
        queue(Client::Detached(reply)).await?;
        let id = match delivery.await {
            Ok(Delivery::Accepted(id)) => id,
            other => return ended(other).map(Ended::response),
        };
        let mut response = accepted(endpoint, id, &lane.model, now());
        if asked {
            let applied = header::HeaderValue::from_static("respond-async");
            response.headers_mut().insert(header::HeaderName::from_static("preference-applied"), applied);
        }
        return Ok(response);
    }
    let (waiting, client) = gateway.holding.client(permit);
    queue(client).await?;
    if checked.stream {
        return Ok(gateway.holding.stream(waiting, Emulation::of(endpoint), checked.include_usage));
    }
    gateway.holding.whole(waiting, resent).await
}

/// Seconds since the epoch.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// `Prefer: respond-async` (RFC 7240, section 4.1).
fn prefers_async(request: &HttpRequest) -> bool {
    let preferences = request.headers().get_all("prefer").filter_map(|value| value.to_str().ok());
    let mut preferences = preferences.flat_map(|value| value.split(',')).map(str::trim);
    preferences.any(|preference| preference.eq_ignore_ascii_case("respond-async"))
}

/// The official clients count their re-sends (contract, section 5.1).
fn is_resent(request: &HttpRequest) -> bool {
    let count = request.headers().get("x-stainless-retry-count");
    count.and_then(|value| value.to_str().ok()?.trim().parse::<u32>().ok()).is_some_and(|count| count > 0)
}

fn json_only(request: &HttpRequest) -> Result<(), HttpError> {
    let given = request.content_type();
    if given.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = format!(
        "Unsupported content type: '{given}'. This API method only accepts 'application/json' requests."
    );
    let error = ApiError::new("invalid_request_error", Some("unsupported_content_type"), message);
    Err(HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error))
}

fn too_large(message: String) -> HttpError {
    let error = ApiError::new("invalid_request_error", Some("request_too_large"), message);
    HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, error)
}

/// Reads the body up to the limit. What goes beyond is read and thrown away, up to twice the limit: a client that
/// is still sending would not see the answer.
async fn read(request: &HttpRequest, mut payload: web::Payload, limit: usize) -> Result<BytesMut, HttpError> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let mut bytes = BytesMut::with_capacity(announced.unwrap_or(0).min(limit).min(TRUSTED_LENGTH));
    let mut seen = 0usize;
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|error| {
            let message = format!("The body could not be read: {error}.");
            HttpError::bad_request(ApiError::new("invalid_request_error", None, message))
        })?;
        seen += piece.len();
        if seen <= limit {
            bytes.extend_from_slice(&piece);
        } else if seen > limit.saturating_mul(2) {
            break;
        } else {
            bytes.clear();
        }
    }
    if seen > limit {
        return Err(too_large(format!("The body is larger than {limit} bytes.")));
    }
    Ok(bytes)
}
