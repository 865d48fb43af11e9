//! Every operation that the gateway offers: the one list from which routes are registered, `Allow` is told, and tests
//! and descriptions know what there is.

use std::fmt;

use actix_web::{
    HttpRequest, HttpResponse, Resource, ResponseError, Route,
    http::{
        Method, StatusCode,
        header::{self, HeaderValue},
    },
    web::{self, ServiceConfig},
};
use batch_gpt_actors::rules::{lane::Endpoint, outcome::ApiError};

use super::{
    batches, collated, error::HttpError, files, health, metrics, models, native_batches, openapi, overview,
    requests, stored_answers,
};

/// Where the API begins. It stands at the root, too, because clients are given either as their base URL.
const API: &str = "/v1";

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Whoever reaches the gateway, without a key.
    Anybody,
    /// Tenants. What is another's is not there. An administrator sees everybody's.
    Tenants,
    /// Tenants alone: what is made belongs to one, and an administrator is none.
    TenantsAlone,
    /// Administrators.
    Administrators,
}

/// A method on a path.
pub struct Operation {
    /// The HTTP method.
    pub method: Method,
    /// The path, as the router reads it: a parameter may have a pattern behind its name, as in `{id:.+}`.
    pub pattern: String,
    /// Who may call it.
    pub audience: Audience,
    /// What answers.
    route: Route,
}

impl Operation {
    pub(super) fn new(method: Method, pattern: impl Into<String>, audience: Audience, route: Route) -> Self {
        let route = route.method(method.clone());
        Self { method, pattern: pattern.into(), audience, route }
    }

    /// The path with parameters by their mere names, as in `/v1/models/{id}`.
    pub fn path(&self) -> String {
        let mut path = String::new();
        let mut pattern = false;
        for character in self.pattern.chars() {
            match character {
                ':' => pattern = true,
                '}' | '/' => pattern = false,
                _ => {}
            }
            if !pattern {
                path.push(character);
            }
        }
        path
    }

    /// Whether it belongs to the API, which stands at the root as well.
    pub fn is_of_the_api(&self) -> bool {
        self.pattern.strip_prefix(API).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} for {:?}", self.method, self.pattern, self.audience)
    }
}

/// All of them. Those that are called most come first, because the router tries one after the other.
pub fn operations() -> Vec<Operation> {
    use Audience::{Administrators, Anybody, Tenants, TenantsAlone};
    let mut all = Vec::new();
    for endpoint in Endpoint::ALL {
        let collate = move |request, payload, gateway| collated::collate(endpoint, request, payload, gateway);
        let retrieve = move |request, id, gateway| stored_answers::retrieve(endpoint, request, id, gateway);
        let path = endpoint.path();
        all.push(Operation::new(Method::POST, path, TenantsAlone, web::to(collate)));
        all.push(Operation::new(Method::GET, format!("{path}/{{id}}"), Tenants, web::to(retrieve)));
    }
    let mut add = |method: Method, pattern: &str, audience: Audience, route: Route| {
        all.push(Operation::new(method, pattern, audience, route));
    };
    let cancel_response = web::to(stored_answers::cancel_response);
    add(Method::POST, "/v1/responses/{id}/cancel", Tenants, cancel_response);
    add(Method::GET, "/v1/requests", Tenants, web::to(requests::list));
    add(Method::GET, "/v1/requests/{id}", Tenants, web::to(requests::retrieve));
    add(Method::DELETE, "/v1/requests/{id}", Tenants, web::to(requests::delete));
    add(Method::GET, "/v1/models", Tenants, web::to(models::get));
    add(Method::GET, "/v1/models/{id:.+}", Tenants, web::to(models::get));
    add(Method::GET, "/v1/files", Tenants, web::to(files::list));
    add(Method::POST, "/v1/files", TenantsAlone, web::to(files::upload));
    add(Method::GET, "/v1/files/{id}", Tenants, web::to(files::one));
    add(Method::DELETE, "/v1/files/{id}", Tenants, web::to(files::one));
    add(Method::GET, "/v1/files/{id}/content", Tenants, web::to(files::one));
    add(Method::GET, "/v1/batches", Tenants, web::to(batches::list));
    add(Method::POST, "/v1/batches", TenantsAlone, web::to(native_batches::create));
    add(Method::GET, "/v1/batches/{id}", Tenants, web::to(batches::retrieve));
    add(Method::POST, "/v1/batches/{id}/cancel", Tenants, web::to(batches::cancel));
    add(Method::GET, "/v1/overview", Tenants, web::to(overview::overview));
    add(Method::GET, "/v1/overview/batches", Tenants, web::to(overview::batches));
    add(Method::GET, "/v1/overview/batches/{id}", Tenants, web::to(overview::batch));
    add(Method::GET, "/livez", Anybody, web::to(health::livez));
    add(Method::GET, "/readyz", Anybody, web::to(health::readyz));
    add(Method::GET, "/metrics", Administrators, web::to(metrics::metrics));
    add(Method::GET, "/openapi.json", Anybody, web::to(openapi::openapi));
    add(Method::GET, "/debug/actors", Administrators, web::to(health::actors));
    all
}

/// Registers all of them, those of the API at `/v1` and at the root.
pub fn register(config: &mut ServiceConfig) {
    serve(config, operations());
    let api = operations().into_iter().filter(Operation::is_of_the_api).collect();
    for (pattern, operations) in by_pattern(api) {
        config.service(resource(pattern.trim_start_matches(API), operations));
    }
}

/// Registers operations, each under its own path only.
pub(super) fn serve(config: &mut ServiceConfig, operations: Vec<Operation>) {
    for (pattern, operations) in by_pattern(operations) {
        config.service(resource(&pattern, operations));
    }
}

/// The operations of each path, in the order of their first ones.
fn by_pattern(operations: Vec<Operation>) -> Vec<(String, Vec<Operation>)> {
    let mut paths: Vec<(String, Vec<Operation>)> = Vec::new();
    for operation in operations {
        match paths.iter_mut().find(|(pattern, _)| *pattern == operation.pattern) {
            Some((_, others)) => others.push(operation),
            None => paths.push((operation.pattern.clone(), vec![operation])),
        }
    }
    paths
}

/// A path with its operations; other methods are told which there are.
fn resource(pattern: &str, operations: Vec<Operation>) -> Resource {
    let methods: Vec<&str> = operations.iter().map(|operation| operation.method.as_str()).collect();
    let allowed = methods.join(", ");
    let refuse = move |request: HttpRequest| {
        let refusal = method_not_allowed(&request, &allowed);
        async move { refusal }
    };
    let resource = web::resource(pattern).default_service(web::to(refuse));
    operations.into_iter().fold(resource, |resource, operation| resource.route(operation.route))
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_operation_stands_there_once_and_under_a_plain_path() {
        let all = operations();
        let told: HashSet<(String, String)> =
            all.iter().map(|operation| (operation.method.to_string(), operation.path())).collect();
        assert_eq!(told.len(), all.len());
        assert!(told.contains(&("GET".into(), "/v1/models/{id}".into())), "{told:?}");
        assert!(told.contains(&("DELETE".into(), "/v1/files/{id}".into())), "{told:?}");
        assert!(told.iter().all(|(_, path)| !path.contains(':') && path.starts_with('/')), "{told:?}");
        let outside = all.iter().filter(|operation| !operation.is_of_the_api()).count();
        assert_eq!(outside, 5, "livez, readyz, metrics, debug, the document");
    }
}
