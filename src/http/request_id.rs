//! An id on every response, and a line in the log for every request.

use std::time::Instant;

use actix_web::{
    Error, HttpMessage,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        ConnectionType,
        header::{HeaderName, HeaderValue},
    },
    middleware::Next,
    web::Data,
};
use uuid::Uuid;

use super::{
    door::Known,
    gateway::Gateway,
    unread::{Answer, Unread},
};

/// Marks the response with `x-request-id`, counts it, and logs method, path, status and time under the target `access`;
/// never a body, a query or a key. Whoever did not show a key gets no second request on the same connection.
pub async fn mark<B: MessageBody + Unpin>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<Answer<B>>, Error> {
    let began = Instant::now();
    let unread = Unread::of(&mut request);
    let mut response = next.call(request).await?;
    let id = ["req_", Uuid::new_v4().as_simple().encode_lower(&mut Uuid::encode_buffer())].concat();
    let (asked, status) = (response.request(), response.status().as_u16());
    let (method, path, took) = (asked.method(), asked.path(), began.elapsed().as_millis());
    log::debug!(target: "access", "{id} {method} {path} {status} {took} ms");
    let mut is_stranger = false;
    if let Some(gateway) = asked.app_data::<Data<Gateway>>() {
        gateway.traffic.answered(asked.match_pattern().as_deref(), status);
        is_stranger = !gateway.door.keys().is_open() && !asked.extensions().contains::<Known>();
    }
    // The server sets a limit of time to the first head of a connection only.
    if is_stranger {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    Ok(response.map_body(|_, body| Answer::new(body, unread)))
}
