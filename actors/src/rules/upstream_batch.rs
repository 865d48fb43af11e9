//! The upstream's batch object, read leniently and kept as it was written.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    ids::{BatchId, BatchKey, FileId, METADATA_KEY},
    outcome::ApiError,
};

/// Where a batch stands upstream (contract, section 2). A status nobody knows counts as running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BatchStatus {
    /// The input file is being checked.
    Validating,
    /// Lines are being executed.
    InProgress,
    /// Result files are being written.
    Finalizing,
    /// The end: result files are there.
    Completed,
    /// The end: the input was refused, no line was executed.
    Failed,
    /// The end: the window closed; finished lines have results.
    Expired,
    /// A cancellation is under way.
    Cancelling,
    /// The end: cancelled; finished lines have results.
    Cancelled,
    /// A word this gateway does not know; treated as running (contract, section 6).
    Unknown,
}

impl BatchStatus {
    fn parse(word: &str) -> Self {
        match word {
            "validating" => Self::Validating,
            "in_progress" => Self::InProgress,
            "finalizing" => Self::Finalizing,
            "completed" => Self::Completed,
            "failed" => Self::Failed,
            "expired" => Self::Expired,
            "cancelling" => Self::Cancelling,
            "cancelled" => Self::Cancelled,
            _ => Self::Unknown,
        }
    }

    /// The upstream's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Validating => "validating",
            Self::InProgress => "in_progress",
            Self::Finalizing => "finalizing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }

    /// Whether nothing will change any more.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Expired | Self::Cancelled)
    }
}

/// One entry of a failed batch's `errors.data` (contract, section 2.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// 1-based line of the input file; `None` where the whole batch is meant.
    pub line: Option<u64>,
    /// The error itself.
    pub error: ApiError,
}

/// A batch as the upstream described it at one moment.
#[derive(Debug, Clone)]
pub struct UpstreamBatch {
    /// Its id.
    pub id: BatchId,
    /// Where it stands.
    pub status: BatchStatus,
    /// Unix seconds.
    pub created_at: u64,
    /// The file of lines, if named.
    pub input_file: Option<FileId>,
    /// Results; absent, null and `""` all mean none.
    pub output_file: Option<FileId>,
    /// Failed lines; absent, null and `""` all mean none.
    pub error_file: Option<FileId>,
    /// Why it failed.
    pub errors: Vec<LineError>,
    /// The key in its metadata, if this gateway made it.
    pub key: Option<BatchKey>,
    /// The object, byte for byte.
    pub raw: Arc<RawValue>,
}

impl PartialEq for UpstreamBatch {
    fn eq(&self, other: &Self) -> bool {
        self.raw.get() == other.raw.get()
    }
}

/// Why a text is no batch object.
#[derive(Debug, thiserror::Error)]
#[error("not a batch object: {0}")]
pub struct NotABatch(#[from] serde_json::Error);

#[derive(Deserialize)]
struct Wire<'a> {
    id: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    created_at: Option<f64>,
    #[serde(default)]
    input_file_id: Option<String>,
    #[serde(default)]
    output_file_id: Option<String>,
    #[serde(default)]
    error_file_id: Option<String>,
    #[serde(default)]
    errors: Option<WireErrors>,
    #[serde(default, borrow)]
    metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireErrors {
    #[serde(default)]
    data: Option<Vec<WireError>>,
}

#[derive(Deserialize)]
struct WireError {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    param: Option<String>,
    #[serde(default)]
    line: Option<u64>,
}

fn file(id: Option<String>) -> Option<FileId> {
    id.filter(|id| !id.is_empty()).map(|id| FileId(id.into()))
}

fn key_of(metadata: Option<&RawValue>) -> Option<BatchKey> {
    let members: std::collections::HashMap<String, serde_json::Value> =
        serde_json::from_str(metadata?.get()).ok()?;
    members.get(METADATA_KEY)?.as_str()?.parse().ok()
}

impl UpstreamBatch {
    /// Reads a batch object; members that are absent, null or new do no harm.
    pub fn parse(json: &str) -> Result<Self, NotABatch> {
        let raw: Box<RawValue> = serde_json::from_str(json)?;
        let wire: Wire<'_> = serde_json::from_str(raw.get())?;
        let errors = wire.errors.and_then(|errors| errors.data).unwrap_or_default();
        Ok(Self {
            id: BatchId(wire.id.into()),
            status: BatchStatus::parse(&wire.status),
            created_at: wire.created_at.map_or(0, |seconds| seconds.max(0.0) as u64),
            input_file: file(wire.input_file_id),
            output_file: file(wire.output_file_id),
            error_file: file(wire.error_file_id),
            errors: errors.into_iter().map(LineError::from).collect(),
            key: key_of(wire.metadata),
            raw: raw.into(),
        })
    }
}

impl From<WireError> for LineError {
    fn from(wire: WireError) -> Self {
        let error = ApiError {
            message: wire.message.unwrap_or_else(|| "The batch was refused.".into()),
            kind: "invalid_request_error".into(),
            param: wire.param,
            code: wire.code,
        };
        Self { line: wire.line, error }
    }
}
