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
use serde::Serialize;

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
    let message = Some("Request submitted for processing");
    let id = id.to_string();
    let mut response = HttpResponse::Accepted();
    response.insert_header((header::LOCATION, format!("{}/{id}", endpoint.path())));
    response.insert_header((header::RETRY_AFTER, LOOK_AGAIN));
    let mut response =
        response.json(Unanswered { id: &id, message, model, status, empty: Empty::of(endpoint, created) });
    mark(&mut response, "x-batch-gpt-request-id", &id);
    response
}

/// The request was cancelled, as an object of the endpoint with nothing in it.
pub fn cancelled(endpoint: Endpoint, id: RequestId, model: &str, created: u64) -> HttpResponse {
    let (id, empty) = (id.to_string(), Empty::of(endpoint, created));
    let cancelled = Unanswered { id: &id, message: None, model, status: "cancelled", empty };
    let mut response = HttpResponse::Ok().json(cancelled);
    mark(&mut response, "x-batch-gpt-request-id", &id);
    response
}

/// The object of a request without an answer.
#[derive(Serialize)]
struct Unanswered<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    model: &'a str,
    status: &'a str,
    #[serde(flatten)]
    empty: Empty,
}

/// What an endpoint's object has beside that, before there is anything in it.
#[derive(Serialize)]
#[serde(untagged)]
enum Empty {
    Completion {
        object: &'static str,
        created: u64,
        choices: [(); 0],
    },
    Embeddings {
        object: &'static str,
        created: u64,
        data: [(); 0],
    },
    Response {
        object: &'static str,
        created_at: u64,
        error: (),
        incomplete_details: (),
        output: [(); 0],
        parallel_tool_calls: bool,
        tool_choice: &'static str,
        tools: [(); 0],
    },
    Moderation {
        created: u64,
        results: [(); 0],
    },
}

impl Empty {
    fn of(endpoint: Endpoint, created: u64) -> Self {
        match endpoint {
            Endpoint::ChatCompletions => Self::Completion { object: "chat.completion", created, choices: [] },
            Endpoint::Completions => Self::Completion { object: "text_completion", created, choices: [] },
            Endpoint::Embeddings => Self::Embeddings { object: "list", created, data: [] },
            Endpoint::Responses => Self::Response {
                object: "response",
                created_at: created,
                error: (),
                incomplete_details: (),
                output: [],
                parallel_tool_calls: true,
                tool_choice: "auto",
                tools: [],
            },
            Endpoint::Moderations => Self::Moderation { created, results: [] },
        }
    }
}

/// Sets a header. A value that cannot stand in one is left out.
pub fn mark(response: &mut HttpResponse, header: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(header), value);
    }
}
