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
    answer::{accepted, answered},
    error::HttpError,
    gateway::{Gateway, Mode},
};

/// Memory set aside on a client's mere word that so much will come.
const TRUSTED_LENGTH: usize = 64 << 10;

/// `POST` to an endpoint: parks the client until its line's outcome is there, or tells it where to ask later.
pub async fn collate(
    endpoint: Endpoint,
    request: HttpRequest,
    payload: web::Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    let tenant = gateway.tenant(&request)?;
    let system = gateway.open()?;
    let _permit = gateway.admit()?;
    json_only(&request)?;
    let bytes = read(&request, payload, gateway.max_body_bytes).await?;
    let checked = body::check(endpoint, &bytes).map_err(HttpError::bad_request)?;
    // The client's own buffer goes now; what is kept from here on is the line.
    drop(bytes);
    let fingerprint = checked.fingerprint(&tenant, endpoint);
    let lane = Arc::new(Lane { tenant, endpoint, model: checked.model });
    let (reply, delivery) = oneshot::channel();
    let collector = system.collectors.by(&lane);
    let resent = is_resent(&request);
    let asked = prefers_async(&request);
    let detached = asked || gateway.mode == Mode::Async;
    let client = if detached { Client::Detached(reply) } else { Client::Parked(reply) };
    let model = lane.model.clone();
    let enqueue = Enqueue { lane, fingerprint, body: checked.line, inputs: checked.inputs, resent, client };
    match collector.ask(enqueue).await {
        Ok(Ok(())) => {}
        Ok(Err(Refused::Draining)) => return Err(HttpError::stopping()),
        Ok(Err(refused @ Refused::TooLarge)) => return Err(too_large(refused.to_string())),
        Ok(Err(refused @ Refused::TooManyInputs)) => return Err(too_many_inputs(refused)),
        Err(_) => return Err(HttpError::internal()),
    }
    match delivery.await {
        Ok(Delivery::Answered { id, outcome, batch }) => Ok(answered(id, outcome, batch.as_ref())),
        Ok(Delivery::Accepted(id)) => {
            let mut response = accepted(endpoint, id, &model, now());
            if asked {
                let applied = header::HeaderValue::from_static("respond-async");
                response.headers_mut().insert(header::HeaderName::from_static("preference-applied"), applied);
            }
            Ok(response)
        }
        Ok(Delivery::Released) => Err(HttpError::stopping()),
        Ok(Delivery::NotRecorded) => Err(HttpError::store_unavailable()),
        Err(_) => Err(HttpError::internal()),
    }
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

fn too_many_inputs(refused: Refused) -> HttpError {
    let message = format!("Invalid 'input': {refused}.");
    let error = ApiError::new("invalid_request_error", Some("array_above_max_length"), message);
    HttpError::bad_request(error.param("input"))
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
