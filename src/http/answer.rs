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
    name(&mut response, "x-batch-gpt-request-id", &id.to_string());
    if let Some(batch) = batch {
        name(&mut response, "x-batch-gpt-batch-id", batch.as_str());
    }
    response
}

/// The request is recorded; its answer will be there later, under this id. The body is shaped like an answer of the
/// endpoint with nothing in it, with the message of the original; `created` is when it was accepted, in seconds.
pub fn accepted(endpoint: Endpoint, id: RequestId, model: &str, created: u64) -> HttpResponse {
    let mut body = empty(endpoint, created);
    body["id"] = json!(id);
    body["model"] = json!(model);
    body["status"] = json!("queued");
    body["message"] = json!("Request submitted for processing");
    let mut response = HttpResponse::Accepted();
    response.insert_header((header::LOCATION, format!("{}/{id}", endpoint.path())));
    response.insert_header((header::RETRY_AFTER, LOOK_AGAIN));
    let mut response = response.json(body);
    name(&mut response, "x-batch-gpt-request-id", &id.to_string());
    response
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

fn name(response: &mut HttpResponse, header: &'static str, value: &str) {
    // Ids are printable; one that is not is left out.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(header), value);
    }
}
