//! An id on every response, and a line in the log for every request.

use std::time::Instant;

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderName, HeaderValue},
    middleware::Next,
    web::Data,
};

use super::gateway::Gateway;

/// Marks the response with `x-request-id`, counts it, and logs method, path, status and time under the target `access`;
/// never a body, a query or a key.
pub async fn mark<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let began = Instant::now();
    let mut response = next.call(request).await?;
    let id = format!("req_{}", uuid::Uuid::new_v4().simple());
    let (asked, status) = (response.request(), response.status().as_u16());
    let (method, path, took) = (asked.method(), asked.path(), began.elapsed().as_millis());
    log::debug!(target: "access", "{id} {method} {path} {status} {took} ms");
    if let Some(gateway) = asked.app_data::<Data<Gateway>>() {
        gateway.traffic.answered(asked.match_pattern().as_deref(), status);
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    Ok(response)
}
