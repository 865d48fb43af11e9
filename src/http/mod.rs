//! The front door: one file for each resource. Handlers exchange messages with the actors and decide nothing else.

pub mod answer;
pub mod batches;
pub mod collated;
pub mod error;
pub mod gateway;
pub mod health;
pub mod hold;
pub mod request_id;
pub mod requests;
pub mod stream;

use actix_web::{
    HttpRequest, HttpResponse, Resource, ResponseError, Route,
    error::QueryPayloadError,
    http::{
        Method, StatusCode,
        header::{self, HeaderValue},
    },
    web::{self, QueryConfig, ServiceConfig},
};
use batch_gpt_actors::rules::outcome::ApiError;

use error::HttpError;

/// Every route. The API stands at `/v1` and at the root, because clients are given either as their base URL.
pub fn routes(config: &mut ServiceConfig) {
    config
        .app_data(QueryConfig::default().error_handler(|error, _| bad_query(&error).into()))
        .service(only("/livez", Method::GET, web::get().to(health::livez)))
        .service(only("/readyz", Method::GET, web::get().to(health::readyz)))
        .service(only("/debug/actors", Method::GET, web::get().to(health::actors)))
        .service(web::scope("/v1").configure(api).default_service(web::to(unknown_path)))
        .configure(api)
        .default_service(web::to(unknown_path));
}

fn api(config: &mut ServiceConfig) {
    config
        .service(only("/chat/completions", Method::POST, web::post().to(collated::chat_completions)))
        .service(only("/chat/completions/{id}", Method::GET, web::get().to(requests::retrieve)))
        .service(only("/batches", Method::GET, web::get().to(batches::list)))
        .service(only("/batches/{id}", Method::GET, web::get().to(batches::retrieve)))
        .service(only("/batches/{id}/cancel", Method::POST, web::post().to(batches::cancel)));
}

/// A resource with one method; others are told which.
fn only(path: &str, method: Method, route: Route) -> Resource {
    let refuse = move |request: HttpRequest| {
        let allowed = method.clone();
        async move { method_not_allowed(&request, &allowed) }
    };
    web::resource(path).route(route).default_service(web::to(refuse))
}

fn method_not_allowed(request: &HttpRequest, allowed: &Method) -> HttpResponse {
    let message = format!("Not allowed to {} on {} (use {allowed}).", request.method(), request.path());
    let error = ApiError::new("invalid_request_error", Some("method_not_supported"), message);
    let mut response = HttpError::new(StatusCode::METHOD_NOT_ALLOWED, error).error_response();
    if let Ok(allowed) = HeaderValue::from_str(allowed.as_str()) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

async fn unknown_path(request: HttpRequest) -> HttpResponse {
    let message = format!("Invalid URL ({} {})", request.method(), request.path());
    HttpError::not_found(message).error_response()
}

fn bad_query(error: &QueryPayloadError) -> HttpError {
    let message = format!("The query could not be read: {error}.");
    HttpError::bad_request(ApiError::new("invalid_request_error", None, message))
}
