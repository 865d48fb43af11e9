//! The front door: one file for each resource. Handlers exchange messages with the actors and decide nothing else.

pub mod answer;
pub mod batches;
pub mod collated;
pub mod connections;
pub mod dashboard;
pub mod door;
pub mod error;
pub mod files;
pub mod gateway;
pub mod health;
pub mod hold;
pub mod limits;
pub mod metrics;
pub mod models;
pub mod native_batches;
pub mod openapi;
pub mod operations;
pub mod overview;
pub mod page;
pub mod pass_through;
pub mod request_body;
pub mod request_id;
pub mod requests;
pub mod stored_answers;
pub mod stream;
pub mod traffic;
pub mod unread;
pub mod wishes;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    error::QueryPayloadError,
    web::{self, QueryConfig, ServiceConfig},
};
use batch_gpt_actors::rules::outcome::ApiError;

use error::HttpError;

/// Every route, and what is told where there is none.
pub fn routes(config: &mut ServiceConfig) {
    config
        .app_data(QueryConfig::default().error_handler(|error, _| bad_query(&error).into()))
        .configure(operations::register)
        .configure(dashboard::register)
        .default_service(web::to(unknown_path));
}

async fn unknown_path(request: HttpRequest) -> HttpResponse {
    let message = format!("Invalid URL ({} {})", request.method(), request.path());
    HttpError::not_found(message).error_response()
}

fn bad_query(error: &QueryPayloadError) -> HttpError {
    let message = format!("The query could not be read: {error}.");
    HttpError::bad_request(ApiError::new("invalid_request_error", None, message))
}
