//! The one place every request passes.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::{self, Data};
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, ResponseError, Route};

use crate::error::ApiError;
use crate::fault::Stage;
use crate::file::Project;
use crate::injection::Injection;
use crate::operation::Operation;
use crate::world::World;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROCESSING_MS: HeaderName = HeaderName::from_static("openai-processing-ms");
const VERSION: HeaderName = HeaderName::from_static("openai-version");
const ORGANIZATION: HeaderName = HeaderName::from_static("openai-organization");

/// Admits a request, brings all batches up to date before it is handled, and marks the response with the
/// headers every response carries (contract, section 4).
pub(crate) async fn pass(
    world: Data<World>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let arrived = Instant::now();
    let mut response = match admit(&world, &request) {
        Err(refusal) => request.into_response(refusal.error_response()),
        Ok(project) => {
            request.extensions_mut().insert(project);
            if world.is_due() {
                let settled = world.clone();
                // Only a panic or a shutdown stops the work, and neither leaves anything to wait for.
                if web::block(move || settled.settle()).await.is_err() {
                    log::warn!("the batches were not brought up to date");
                }
            }
            match Operation::of(request.method(), request.path()).and_then(|call| world.enter(call)) {
                Some(injection) => injection.meet(request, next).await?,
                None => next.call(request).await?.map_into_boxed_body(),
            }
        }
    };
    let headers = response.headers_mut();
    let marks = [
        (REQUEST_ID, world.identifiers.next("req_")),
        (PROCESSING_MS, arrived.elapsed().as_millis().to_string()),
        (VERSION, "2020-10-01".to_owned()),
        (ORGANIZATION, "org-simulator".to_owned()),
    ];
    for (name, value) in marks {
        // Digits, letters and dashes always make a valid header value.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    Ok(response)
}

impl World {
    /// Enters a call in the ledger and decides what fault it meets on its way, if any.
    fn enter(&self, call: Operation) -> Option<Injection> {
        let mut state = self.lock();
        state.ledger.count_request(call);
        let drawn = state.draw(self.seed, call, Stage::Call)?;
        Some(Injection::new(drawn, &state.faults))
    }
}

/// The project a request belongs to. Only the API asks for a key; the control calls do not.
fn admit(world: &World, request: &ServiceRequest) -> Result<Project, ApiError> {
    if !request.path().starts_with("/v1/") {
        return Ok(Project(0));
    }
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = header.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim).unwrap_or_default();
    if key.is_empty() {
        let message = "You didn't provide an API key.";
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, message));
    }
    if world.keys.is_empty() {
        return Ok(Project(0));
    }
    let position = world.keys.iter().position(|known| known == key);
    position.map(Project).ok_or_else(|| {
        ApiError::new(StatusCode::UNAUTHORIZED, "Incorrect API key provided.").code("invalid_api_key")
    })
}

/// The answer to a path that does not exist.
pub(crate) async fn unknown_path(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Err(ApiError::not_found(format!("Invalid URL ({} {})", request.method(), request.path())))
}

/// The answer to a method that a path does not know; `allowed` names those it knows.
pub(crate) fn method_not_allowed(allowed: &'static str) -> Route {
    web::to(move |request: HttpRequest| async move {
        let message = format!("Not allowed to {} on {}.", request.method(), request.path());
        let error = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message);
        Err::<HttpResponse, ApiError>(error.code("method_not_supported").allow(allowed))
    })
}
