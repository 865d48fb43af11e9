//! The error object.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

/// A refusal in the upstream's form: always the four members `message`, `type`, `param` and `code`
/// (contract, section 4). The same object is the body of a failed result line (contract, section 3.3).
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: String,
    kind: &'static str,
    param: Option<String>,
    code: Option<&'static str>,
    retry_after: Option<u64>,
    allow: Option<&'static str>,
    detail: bool,
}

/// How an [`ApiError`] goes over the wire.
#[derive(Serialize)]
pub(crate) struct ErrorBody<'a> {
    error: ErrorMembers<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

#[derive(Serialize)]
struct ErrorMembers<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

impl ApiError {
    /// An `invalid_request_error` of any status.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> ApiError {
        ApiError {
            status,
            message: message.into(),
            kind: "invalid_request_error",
            param: None,
            code: None,
            retry_after: None,
            allow: None,
            detail: false,
        }
    }

    /// A 400 without param and code.
    pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, message)
    }

    /// A 404 for an object that does not exist or belongs to another project.
    pub(crate) fn not_found(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, message)
    }

    /// The 400 for a required parameter that was not given.
    pub(crate) fn missing(param: &str) -> ApiError {
        ApiError::invalid(format!("Missing required parameter: '{param}'."))
            .param(param)
            .code("missing_required_parameter")
    }

    /// The 400 for a parameter of the wrong JSON type.
    pub(crate) fn wrong_type(param: &str, expected: &str, got: &str) -> ApiError {
        ApiError::invalid(format!("Invalid type for '{param}': expected {expected}, but got {got} instead."))
            .param(param)
            .code("invalid_type")
    }

    /// The 400 for a parameter whose value is not among those allowed.
    pub(crate) fn unsupported_value(param: &str, value: &str, supported: &[&str]) -> ApiError {
        let listed = supported.iter().map(|value| format!("'{value}'")).collect::<Vec<_>>().join(", ");
        ApiError::invalid(format!("Invalid value: '{value}'. Supported values are: {listed}."))
            .param(param)
            .code("invalid_value")
    }

    /// The refusal of a request whose body is too large or was cut short.
    pub(crate) fn unreadable_body(cause: &actix_web::Error) -> ApiError {
        let status = cause.as_response_error().status_code();
        ApiError::new(status, "The request body could not be read.")
    }

    /// The 500 for a failure of the simulator itself.
    pub(crate) fn internal(cause: &dyn fmt::Display) -> ApiError {
        log::error!("the simulator failed to answer: {cause}");
        let message = "The server had an error while processing your request.";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, message).kind("server_error").code("server_error")
    }

    pub(crate) fn kind(mut self, kind: &'static str) -> ApiError {
        self.kind = kind;
        self
    }

    pub(crate) fn param(mut self, param: impl Into<String>) -> ApiError {
        self.param = Some(param.into());
        self
    }

    pub(crate) fn code(mut self, code: &'static str) -> ApiError {
        self.code = Some(code);
        self
    }

    /// Adds a `Retry-After` header, in seconds.
    pub(crate) fn retry_after(mut self, seconds: u64) -> ApiError {
        self.retry_after = Some(seconds);
        self
    }

    /// Adds an `Allow` header.
    pub(crate) fn allow(mut self, methods: &'static str) -> ApiError {
        self.allow = Some(methods);
        self
    }

    /// Repeats the message in a `detail` member next to `error`.
    pub(crate) fn with_detail(mut self, detail: bool) -> ApiError {
        self.detail = detail;
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn body(&self) -> ErrorBody<'_> {
        ErrorBody {
            error: ErrorMembers {
                message: &self.message,
                kind: self.kind,
                param: self.param.as_deref(),
                code: self.code,
            },
            detail: self.detail.then_some(self.message.as_str()),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.message)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        if let Some(methods) = self.allow {
            response.insert_header((ALLOW, methods));
        }
        response.json(self.body())
    }
}
