//! The front door: one file for each resource. Handlers exchange messages with the actors and decide nothing else.

pub mod answer;
pub mod batches;
pub mod collated;
pub mod error;
pub mod files;
pub mod gateway;
pub mod health;
pub mod hold;
pub mod metrics;
pub mod models;
pub mod native_batches;
pub mod overview;
pub mod page;
pub mod pass_through;
pub mod request_body;
pub mod request_id;
pub mod requests;
pub mod stored_answers;
pub mod stream;
pub mod traffic;
pub mod wishes;

use actix_web::{
    HttpRequest, HttpResponse, Resource, ResponseError, Route,
    error::QueryPayloadError,
    http::{
        Method, StatusCode,
        header::{self, HeaderValue},
    },
    web::{self, QueryConfig, ServiceConfig},
};
use batch_gpt_actors::rules::{lane::Endpoint, outcome::ApiError};

use error::HttpError;

/// Every route. The API stands at `/v1` and at the root, because clients are given either as their base URL.
pub fn routes(config: &mut ServiceConfig) {
    config
        .app_data(QueryConfig::default().error_handler(|error, _| bad_query(&error).into()))
        .service(only("/livez", Method::GET, web::get().to(health::livez)))
        .service(only("/readyz", Method::GET, web::get().to(health::readyz)))
        .service(only("/metrics", Method::GET, web::get().to(metrics::metrics)))
        .service(only("/debug/actors", Method::GET, web::get().to(health::actors)))
        .service(web::scope("/v1").configure(api).default_service(web::to(unknown_path)))
        .configure(api)
        .default_service(web::to(unknown_path));
}

fn api(config: &mut ServiceConfig) {
    for endpoint in Endpoint::ALL {
        let path = endpoint.path().trim_start_matches("/v1");
        let collate = move |request, payload, gateway| collated::collate(endpoint, request, payload, gateway);
        let retrieve = move |request, id, gateway| stored_answers::retrieve(endpoint, request, id, gateway);
        config.service(only(path, Method::POST, web::post().to(collate))).service(only(
            &format!("{path}/{{id}}"),
            Method::GET,
            web::get().to(retrieve),
        ));
    }
    config
        .service(only(
            "/responses/{id}/cancel",
            Method::POST,
            web::post().to(stored_answers::cancel_response),
        ))
        .service(only("/requests", Method::GET, web::get().to(requests::list)))
        .service(resource(
            "/requests/{id}",
            [
                (Method::GET, web::get().to(requests::retrieve)),
                (Method::DELETE, web::delete().to(requests::delete)),
            ],
        ))
        .service(only("/models", Method::GET, web::get().to(models::get)))
        .service(only("/models/{id:.+}", Method::GET, web::get().to(models::get)))
        .service(resource(
            "/files",
            [(Method::GET, web::get().to(files::list)), (Method::POST, web::post().to(files::upload))],
        ))
        .service(resource(
            "/files/{id}",
            [(Method::GET, web::get().to(files::one)), (Method::DELETE, web::delete().to(files::one))],
        ))
        .service(only("/files/{id}/content", Method::GET, web::get().to(files::one)))
        .service(resource(
            "/batches",
            [
                (Method::GET, web::get().to(batches::list)),
                (Method::POST, web::post().to(native_batches::create)),
            ],
        ))
        .service(only("/overview", Method::GET, web::get().to(overview::overview)))
        .service(only("/overview/batches", Method::GET, web::get().to(overview::batches)))
        .service(only("/overview/batches/{id}", Method::GET, web::get().to(overview::batch)))
        .service(only("/batches/{id}", Method::GET, web::get().to(batches::retrieve)))
        .service(only("/batches/{id}/cancel", Method::POST, web::post().to(batches::cancel)));
}

/// A resource with one method; others are told which.
fn only(path: &str, method: Method, route: Route) -> Resource {
    resource(path, [(method, route)])
}

/// A resource with these methods; others are told which there are.
fn resource<const N: usize>(path: &str, routes: [(Method, Route); N]) -> Resource {
    let allowed = routes.iter().map(|(method, _)| method.as_str()).collect::<Vec<_>>().join(", ");
    let refuse = move |request: HttpRequest| {
        let refusal = method_not_allowed(&request, &allowed);
        async move { refusal }
    };
    let resource = web::resource(path).default_service(web::to(refuse));
    routes.into_iter().fold(resource, |resource, (_, route)| resource.route(route))
}

fn method_not_allowed(request: &HttpRequest, allowed: &str) -> HttpResponse {
    let message = format!("Not allowed to {} on {} (use {allowed}).", request.method(), request.path());
    let error = ApiError::new("invalid_request_error", Some("method_not_supported"), message);
    let mut response = HttpError::new(StatusCode::METHOD_NOT_ALLOWED, error).error_response();
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
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
