//! `GET /openapi.json`: this API as a document for programs. It is the file of that name, as it stands.

use actix_web::{HttpResponse, http::header::ContentType};

const DOCUMENT: &str = include_str!("../../openapi.json");

/// The document. It is no secret, so nobody is asked for a key.
pub async fn openapi() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(DOCUMENT)
}
