//! The search for an id.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Query},
};
use serde::Deserialize;

use super::{
    access,
    actions::see,
    elements::{batch_path, request_path},
    fault::Fault,
};
use crate::http::gateway::Gateway;

/// What is looked for.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    id: String,
}

/// `GET /ui/find?id=…`: on to the page of a request or of a batch, which says if it is not there.
pub async fn find(
    request: HttpRequest,
    wanted: Query<Wanted>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    access::allow(&request, &gateway)?;
    let id = wanted.id.trim();
    Ok(see(&if id.starts_with("req_") { request_path(id) } else { batch_path(id) }))
}
