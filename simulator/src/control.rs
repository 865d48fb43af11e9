//! The calls that steer the simulator itself.

use actix_web::HttpResponse;
use actix_web::web::{self, Bytes, Data, ServiceConfig, resource};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::ApiError;
use crate::faults::Faults;
use crate::gate::method_not_allowed;
use crate::knobs::Knobs;
use crate::settings::{Limits, Timing};
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

/// The settings that may change while the simulator runs.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Adjustable {
    timing: Timing,
    limits: Limits,
    knobs: Knobs,
    faults: Faults,
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
    let invalid = |cause: serde_json::Error| ApiError::invalid(format!("Invalid settings: {cause}."));
    let patch: Value = serde_json::from_slice(&body).map_err(invalid)?;
    let mut state = world.lock();
    let mut merged = serde_json::to_value(state.adjustable()).map_err(|cause| ApiError::internal(&cause))?;
    merge(&mut merged, patch);
    let adjusted: Adjustable = serde_json::from_value(merged).map_err(invalid)?;
    if let Some(body) = &adjusted.knobs.canned_body {
        serde_json::from_str::<serde::de::IgnoredAny>(body).map_err(invalid)?;
    }
    let nonsense = |cause: String| ApiError::invalid(format!("Invalid settings: {cause}."));
    adjusted.faults.check().map_err(nonsense)?;
    let response = HttpResponse::Ok().json(&adjusted);
    state.timing = adjusted.timing;
    state.limits = adjusted.limits;
    state.knobs = adjusted.knobs;
    state.faults = adjusted.faults;
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
        }
    }
}

/// Replaces the members the patch names, at any depth. A null is a value, as some settings can be null.
fn merge(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (name, value) in patch {
                merge(target.entry(name).or_insert(Value::Null), value);
            }
        }
        (target, patch) => *target = patch,
    }
}
