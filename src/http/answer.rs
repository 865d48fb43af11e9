//! What a client of a collated endpoint gets: the end of its request, or a word on where to ask for it.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{self, ContentType, HeaderName, HeaderValue},
    },
};
use batch_gpt_actors::rules::{
    ids::{BatchId, RequestId},
    lane::Endpoint,
    outcome::Outcome,
};
use serde_json::{Value, json};

/// Seconds after which an answer asked for later is worth a look.
const LOOK_AGAIN: u64 = 5;

/// The outcome as it came. A failure is final: the gateway has done what could be done.
pub fn answered(id: RequestId, outcome: Outcome, batch: Option<&BatchId>) -> HttpResponse {
    let status = StatusCode::from_u16(outcome.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = HttpResponse::build(status);
    response.content_type(ContentType::json());
    if !outcome.is_success() {
        response.insert_header(("x-should-retry", "false"));
    }
    let mut response = response.body(outcome.body);
    mark(&mut response, "x-batch-gpt-request-id", &id.to_string());
    if let Some(batch) = batch {
        mark(&mut response, "x-batch-gpt-batch-id", batch.as_str());
    }
    response
}

/// The request is recorded; its answer will be there later, under this id. The body is shaped like an answer of the
/// endpoint with nothing in it, with the message of the original; `created` is when it was accepted, in seconds, and
/// `status` how it stands.
pub fn accepted(endpoint: Endpoint, id: RequestId, model: &str, created: u64, status: &str) -> HttpResponse {
    let mut body = object(endpoint, id, model, created, status);
    body["message"] = json!("Request submitted for processing");
    let mut response = HttpResponse::Accepted();
    response.insert_header((header::LOCATION, format!("{}/{id}", endpoint.path())));
    response.insert_header((header::RETRY_AFTER, LOOK_AGAIN));
    let mut response = response.json(body);
    mark(&mut response, "x-batch-gpt-request-id", &id.to_string());
    response
}

/// The request was cancelled, as an object of the endpoint with nothing in it.
pub fn cancelled(endpoint: Endpoint, id: RequestId, model: &str, created: u64) -> HttpResponse {
    let mut response = HttpResponse::Ok().json(object(endpoint, id, model, created, "cancelled"));
    mark(&mut response, "x-batch-gpt-request-id", &id.to_string());
    response
}

fn object(endpoint: Endpoint, id: RequestId, model: &str, created: u64, status: &str) -> Value {
    let mut object = empty(endpoint, created);
    object["id"] = json!(id);
    object["model"] = json!(model);
    object["status"] = json!(status);
    object
}

/// The object of the endpoint, before there is anything in it.
fn empty(endpoint: Endpoint, created: u64) -> Value {
    match endpoint {
        Endpoint::ChatCompletions => {
            json!({ "object": "chat.completion", "created": created, "choices": [] })
        }
        Endpoint::Completions => json!({ "object": "text_completion", "created": created, "choices": [] }),
        Endpoint::Embeddings => json!({ "object": "list", "created": created, "data": [] }),
        Endpoint::Responses => json!({
            "object": "response",
            "created_at": created,
            "error": null,
            "incomplete_details": null,
            "output": [],
            "parallel_tool_calls": true,
            "tool_choice": "auto",
            "tools": [],
        }),
        Endpoint::Moderations => json!({ "created": created, "results": [] }),
    }
}

/// Sets a header. A value that cannot stand in one is left out.
pub fn mark(response: &mut HttpResponse, header: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(header), value);
    }
}
