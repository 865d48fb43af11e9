//! What a client gets in the end.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::time::Millis;

/// The upstream's error object: four members, `code` a string or null (contract, section 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// What is wrong, for a person.
    pub message: String,
    /// The error's family, such as `invalid_request_error`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The offending parameter, if there is one.
    #[serde(default)]
    pub param: Option<String>,
    /// The error, for a program.
    #[serde(default)]
    pub code: Option<String>,
}

impl ApiError {
    /// An error without `param`.
    pub fn new(kind: &str, code: Option<&str>, message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: kind.into(), param: None, code: code.map(Into::into) }
    }

    /// The same error, blaming `param`.
    pub fn param(mut self, param: &str) -> Self {
        self.param = Some(param.into());
        self
    }

    /// `{"error": {…}}`, as it stands in a response.
    pub fn body(&self) -> Bytes {
        #[derive(Serialize)]
        struct Envelope<'a> {
            error: &'a ApiError,
        }
        // A struct of strings always serialises.
        serde_json::to_vec(&Envelope { error: self }).map(Bytes::from).unwrap_or_default()
    }
}

/// Who made an outcome's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The upstream; the bytes are as it wrote them.
    Upstream,
    /// This gateway, for a request that never got an answer of its own.
    Gateway,
}

/// Status of a cancellation. The gateway makes up no other outcome with it.
const CANCELLED: u16 = 410;
/// How long a stored answer is given to a client that sends its request again.
const RESEND_OF_ANSWERED: Millis = Millis::from_secs(24 * 3600);
/// How long a stored failure is.
const RESEND_OF_FAILED: Millis = Millis::from_secs(3600);

/// The end of one request: the status and the body its client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// HTTP status, 200..=599.
    pub status: u16,
    /// JSON, byte for byte as the upstream wrote it where `origin` is [`Origin::Upstream`].
    pub body: Bytes,
    /// Who made the body.
    pub origin: Origin,
}

impl Outcome {
    /// An outcome the gateway has to make up itself.
    pub fn gateway(status: u16, error: &ApiError) -> Self {
        Self { status, body: error.body(), origin: Origin::Gateway }
    }

    /// The end of a request that somebody had the gateway cancel.
    pub fn cancelled() -> Self {
        let error =
            ApiError::new("invalid_request_error", Some("request_cancelled"), "The request was cancelled.");
        Self::gateway(CANCELLED, &error)
    }

    /// Whether it is such an end.
    pub fn is_cancellation(&self) -> bool {
        self.status == CANCELLED && self.origin == Origin::Gateway
    }

    /// Whether a client that sends its request again may get this outcome, recorded so long ago, for it. A client
    /// that is still at its first sending has waited no longer than a batch may take. A failure counts for less
    /// long: who comes back later asks for another try.
    pub fn answers_resend(&self, age: Millis) -> bool {
        age <= if self.is_success() { RESEND_OF_ANSWERED } else { RESEND_OF_FAILED }
    }

    /// Whether the request was answered well.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}
