//! `POST` to the endpoints whose calls are collated into batches.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
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
use tokio::sync::oneshot;

use super::{
    answer::{accepted, answered},
    error::HttpError,
    gateway::{Gateway, Mode, now},
    request_body::{json_only, read, too_large},
};

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
            let mut response = accepted(endpoint, id, &model, now().seconds());
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
