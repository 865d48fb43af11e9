//! An id on every response, and a line in the log for every request.

use std::time::Instant;

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderName, HeaderValue},
    middleware::Next,
};

/// Marks the response with `x-request-id` and logs method, path, status and time; never a body, a query or a key.
pub async fn mark<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let id = format!("req_{}", uuid::Uuid::new_v4().simple());
    let began = Instant::now();
    let (method, path) = (request.method().clone(), request.path().to_owned());
    let mut response = next.call(request).await?;
    log::debug!("{id} {method} {path} {} {} ms", response.status().as_u16(), began.elapsed().as_millis());
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    Ok(response)
}
