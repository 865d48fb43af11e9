//! `POST` to the endpoints whose calls are collated into batches.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Data},
};
use batch_gpt_actors::{
    collector::{Enqueue, Refused},
    permits::Permit,
    rules::{
        body,
        lane::{Endpoint, Lane, Tenant},
        outcome::ApiError,
    },
    system::System,
    waiting_room::{Client, Delivery},
};
use tokio::sync::oneshot;

use super::{
    answer::accepted,
    error::HttpError,
    gateway::{Gateway, Mode, now},
    hold::{Ended, ended},
    request_body::{json_only, read, skip, too_large},
    stream::Emulation,
};

/// `POST` to an endpoint: holds the client until its line's outcome is there, or tells it where to ask later.
pub async fn collate(
    endpoint: Endpoint,
    request: HttpRequest,
    payload: web::Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    let resent = is_resent(&request);
    let (tenant, system, permit) = match enter(&gateway, &request, resent) {
        Ok(entered) => entered,
        Err(refused) => {
            skip(&request, payload).await;
            return Err(refused);
        }
    };
    let bytes = read(&request, payload, gateway.max_body_bytes).await?;
    let checked = body::check(endpoint, &bytes).map_err(HttpError::bad_request)?;
    // The client's own buffer goes now; what is kept from here on is the line.
    drop(bytes);
    let fingerprint = checked.fingerprint(&tenant, endpoint);
    let lane = Arc::new(Lane { tenant, endpoint, model: checked.model });
    let asked = prefers_async(&request);
    let queue = async |client| {
        let (lane, body, inputs) = (lane.clone(), checked.line, checked.inputs);
        let enqueue = Enqueue { lane, fingerprint, body, inputs, resent, client };
        match system.collectors.by(&enqueue.lane.clone()).ask(enqueue).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Refused::Full)) => Err(HttpError::full()),
            Ok(Err(Refused::Draining)) => Err(HttpError::stopping()),
            Ok(Err(refused @ Refused::TooLarge)) => Err(too_large(refused.to_string())),
            Ok(Err(refused @ Refused::TooManyInputs)) => Err(too_many_inputs(refused)),
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
        let mut response = accepted(endpoint, id, &lane.model, now().seconds());
        if asked {
            let applied = header::HeaderValue::from_static("respond-async");
            response.headers_mut().insert(header::HeaderName::from_static("preference-applied"), applied);
        }
        return Ok(response);
    }
    let (waiting, client) = gateway.holding.client(permit);
    queue(client).await?;
    if let Some(emulation) = Emulation::of(endpoint).filter(|_| checked.stream) {
        return Ok(gateway.holding.stream(waiting, emulation, checked.include_usage));
    }
    gateway.holding.whole(waiting, resent).await
}

/// What is decided before the body is read: whose request it is, whether any is taken now, and whether one more is.
fn enter<'a>(
    gateway: &'a Gateway,
    request: &HttpRequest,
    resent: bool,
) -> Result<(Tenant, &'a System, Permit), HttpError> {
    let tenant = gateway.tenant(request)?;
    let system = gateway.open()?;
    let permit = gateway.admit(&tenant, resent)?;
    json_only(request)?;
    Ok((tenant, system, permit))
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

fn too_many_inputs(refused: Refused) -> HttpError {
    let message = format!("Invalid 'input': {refused}.");
    let error = ApiError::new("invalid_request_error", Some("array_above_max_length"), message);
    HttpError::bad_request(error.param("input"))
}
