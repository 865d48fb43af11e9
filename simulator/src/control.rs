//! The calls that steer the simulator itself.

use actix_web::HttpResponse;
use actix_web::web::{self, Bytes, Data, ServiceConfig, resource};
use serde::Deserialize;
use serde_json::Value;

use crate::adjustable::Adjustable;
use crate::error::ApiError;
use crate::gate::method_not_allowed;
use crate::world::{State, World};

pub(crate) fn configure(service: &mut ServiceConfig) {
    service
        .service(resource("/simulator/ledger").get(ledger).default_service(method_not_allowed("GET")))
        .service(resource("/simulator/clock").post(clock).default_service(method_not_allowed("POST")))
        .service(
            resource("/simulator/settings")
                .get(settings)
                .post(patch_settings)
                .default_service(method_not_allowed("GET, POST")),
        );
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockRequest {
    advance_seconds: u64,
}

async fn ledger(world: Data<World>) -> Result<HttpResponse, ApiError> {
    let report = web::block(move || world.report()).await.map_err(|cause| ApiError::internal(&cause))?;
    Ok(HttpResponse::Ok().json(report))
}

async fn clock(world: Data<World>, body: Result<Bytes, actix_web::Error>) -> Result<HttpResponse, ApiError> {
    let body = body.map_err(|cause| ApiError::unreadable_body(&cause))?;
    let request: ClockRequest = serde_json::from_slice(&body)
        .map_err(|cause| ApiError::invalid(format!("Invalid clock request: {cause}.")))?;
    world.clock.advance(request.advance_seconds.saturating_mul(1000));
    let now_ms = world.clock.now_ms();
    web::block(move || world.settle()).await.map_err(|cause| ApiError::internal(&cause))?;
    Ok(HttpResponse::Ok().json(serde_json::json!({ "now": now_ms / 1000 })))
}

async fn settings(world: Data<World>) -> HttpResponse {
    HttpResponse::Ok().json(world.lock().adjustable())
}

async fn patch_settings(
    world: Data<World>,
    body: Result<Bytes, actix_web::Error>,
) -> Result<HttpResponse, ApiError> {
    let body = body.map_err(|cause| ApiError::unreadable_body(&cause))?;
    let invalid = |cause: String| ApiError::invalid(format!("Invalid settings: {cause}."));
    let patch: Value = serde_json::from_slice(&body).map_err(|cause| invalid(cause.to_string()))?;
    let mut state = world.lock();
    let adjusted = state.adjustable().patched(patch).map_err(invalid)?;
    let response = HttpResponse::Ok().json(&adjusted);
    state.timing = adjusted.timing;
    state.limits = adjusted.limits;
    state.knobs = adjusted.knobs;
    state.faults = adjusted.faults;
    state.webhooks = adjusted.webhooks;
    state.reschedule();
    Ok(response)
}

impl State {
    fn adjustable(&self) -> Adjustable {
        Adjustable {
            timing: self.timing.clone(),
            limits: self.limits.clone(),
            knobs: self.knobs.clone(),
            faults: self.faults.clone(),
            webhooks: self.webhooks.clone(),
        }
    }
}
