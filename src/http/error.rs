//! Errors as the upstream's clients expect them: four members, and a word on whether to come back.

use std::fmt;

use actix_web::{HttpResponse, ResponseError, http::StatusCode, http::header};
use batch_gpt_actors::rules::outcome::ApiError;

/// Longest `Retry-After` that all clients understand alike, in seconds (contract, section 5.1).
pub const LONGEST_RETRY_AFTER: u64 = 60;

/// Whether a client should send its request again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Yes, after so many seconds.
    After(u64),
    /// No: the answer would be the same.
    No,
}

/// An error on its way to a client.
#[derive(Debug, Clone)]
pub struct HttpError {
    /// HTTP status.
    pub status: StatusCode,
    /// What the client is told.
    pub error: ApiError,
    /// Whether it should come back.
    pub retry: Retry,
}

impl HttpError {
    /// A final error.
    pub fn new(status: StatusCode, error: ApiError) -> Self {
        Self { status, error, retry: Retry::No }
    }

    /// What was asked for is malformed.
    pub fn bad_request(error: ApiError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// What was asked for is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, ApiError::new("invalid_request_error", None, message))
    }

    /// Not now, but soon.
    pub fn unavailable(code: &str, message: impl Into<String>) -> Self {
        let error = ApiError::new("server_error", Some(code), message);
        Self { status: StatusCode::SERVICE_UNAVAILABLE, error, retry: Retry::After(5) }
    }

    /// The gateway is stopping.
    pub fn stopping() -> Self {
        Self::unavailable("gateway_stopping", "The gateway is stopping; send the request again shortly.")
    }

    /// The store does not take records.
    pub fn store_unavailable() -> Self {
        Self::unavailable("store_unavailable", "The gateway cannot record requests just now.")
    }

    /// Too many requests are accepted and not answered, of this tenant or of all.
    pub fn full() -> Self {
        let message = "Too many requests are waiting for an answer already.";
        let error = ApiError::new("requests", Some("rate_limit_exceeded"), message);
        Self { status: StatusCode::TOO_MANY_REQUESTS, error, retry: Retry::After(5) }
    }

    /// Something broke in the gateway itself.
    pub fn internal() -> Self {
        let error = ApiError::new("server_error", Some("internal_error"), "The gateway failed to answer.");
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, error, retry: Retry::After(1) }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.error.message)
    }
}

impl ResponseError for HttpError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response.content_type("application/json");
        if self.status == StatusCode::UNAUTHORIZED {
            // Such an answer must say how to do better (RFC 9110, section 15.5.2).
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        match self.retry {
            Retry::After(seconds) => {
                response.insert_header((header::RETRY_AFTER, seconds.min(LONGEST_RETRY_AFTER)));
                response.insert_header(("x-should-retry", "true"));
            }
            Retry::No => {
                response.insert_header(("x-should-retry", "false"));
            }
        }
        response.body(self.error.body())
    }
}
