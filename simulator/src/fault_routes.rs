//! The calls that order faults.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, ServiceConfig, resource};
use serde::Serialize;
use serde_json::Value;

use crate::error::ApiError;
use crate::gate::method_not_allowed;
use crate::order::FaultOrder;
use crate::world::{State, World};

pub(crate) fn configure(service: &mut ServiceConfig) {
    service.service(
        resource("/simulator/faults")
            .get(list)
            .post(order)
            .delete(clear)
            .default_service(method_not_allowed("GET, POST, DELETE")),
    );
}

#[derive(Serialize)]
struct Listing<'a> {
    orders: &'a [FaultOrder],
}

async fn list(world: Data<World>) -> HttpResponse {
    listing(&world.lock())
}

async fn order(world: Data<World>, body: Result<Bytes, actix_web::Error>) -> Result<HttpResponse, ApiError> {
    let body = body.map_err(|cause| ApiError::unreadable_body(&cause))?;
    let invalid = |cause: String| ApiError::invalid(format!("Invalid fault: {cause}."));
    // One order or several at once.
    let orders: Vec<FaultOrder> = serde_json::from_slice(&body)
        .and_then(|value| match value {
            Value::Array(_) => serde_json::from_value(value),
            one => serde_json::from_value(one).map(|order| vec![order]),
        })
        .map_err(|cause| invalid(cause.to_string()))?;
    for order in &orders {
        order.check().map_err(invalid)?;
    }
    let mut state = world.lock();
    state.fault_book.add(orders);
    Ok(listing(&state))
}

async fn clear(world: Data<World>) -> HttpResponse {
    let mut state = world.lock();
    state.fault_book.clear();
    listing(&state)
}

fn listing(state: &State) -> HttpResponse {
    HttpResponse::Ok().json(Listing { orders: state.fault_book.orders() })
}
