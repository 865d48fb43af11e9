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
    let id = format!("req_{}", uuid::Uuid::new_v4().simple());
    let began = Instant::now();
    let (method, path) = (request.method().clone(), request.path().to_owned());
    let mut response = next.call(request).await?;
    let status = response.status().as_u16();
    log::debug!(target: "access", "{id} {method} {path} {status} {} ms", began.elapsed().as_millis());
    if let Some(gateway) = response.request().app_data::<Data<Gateway>>() {
        gateway.traffic.answered(response.request().match_pattern().as_deref(), status);
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    Ok(response)
}
