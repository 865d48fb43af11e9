//! A lane: what may share a batch.
//!
//! A batch file holds one model and one endpoint (contract, sections 1.2 and 2.4, `mismatched_model`,
//! `invalid_url`), and tenants never share one.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Whose request it is. Everything a tenant can see or share is its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tenant(pub Arc<str>);

impl Tenant {
    /// The tenant of a gateway without configured keys.
    pub fn anonymous() -> Self {
        Self("default".into())
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An endpoint whose calls can be lines of a batch (contract, section 1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Endpoint {
    /// `/v1/chat/completions`
    #[serde(rename = "/v1/chat/completions")]
    ChatCompletions,
    /// `/v1/completions`
    #[serde(rename = "/v1/completions")]
    Completions,
    /// `/v1/embeddings`
    #[serde(rename = "/v1/embeddings")]
    Embeddings,
    /// `/v1/responses`
    #[serde(rename = "/v1/responses")]
    Responses,
    /// `/v1/moderations`
    #[serde(rename = "/v1/moderations")]
    Moderations,
}

impl Endpoint {
    /// Every endpoint there is.
    pub const ALL: [Endpoint; 5] = [
        Endpoint::ChatCompletions,
        Endpoint::Completions,
        Endpoint::Embeddings,
        Endpoint::Responses,
        Endpoint::Moderations,
    ];

    /// The path, as it stands in a batch's `endpoint` and a line's `url`.
    pub fn path(self) -> &'static str {
        match self {
            Endpoint::ChatCompletions => "/v1/chat/completions",
            Endpoint::Completions => "/v1/completions",
            Endpoint::Embeddings => "/v1/embeddings",
            Endpoint::Responses => "/v1/responses",
            Endpoint::Moderations => "/v1/moderations",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}

/// A path that is no batchable endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no batchable endpoint")]
pub struct UnknownEndpoint;

impl FromStr for Endpoint {
    type Err = UnknownEndpoint;

    fn from_str(path: &str) -> Result<Self, UnknownEndpoint> {
        Self::ALL.into_iter().find(|endpoint| endpoint.path() == path).ok_or(UnknownEndpoint)
    }
}

/// Requests of one lane may share a batch; requests of two never do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lane {
    /// Whose requests.
    pub tenant: Tenant,
    /// Which endpoint.
    pub endpoint: Endpoint,
    /// Which model, as the requests spell it.
    pub model: Arc<str>,
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A client chooses the model's name, and must not write lines of its own into a log.
        write!(f, "{} {} {}", self.tenant, self.endpoint, self.model.escape_debug())
    }
}
