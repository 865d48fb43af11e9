//! The calls of the API, by name.

use std::fmt;
use std::str::FromStr;

use actix_web::http::Method;
use serde::{Deserialize, Serialize};

/// One call of the API, as faults and the ledger name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `POST /v1/files`
    UploadFile,
    /// `GET /v1/files`
    ListFiles,
    /// `GET /v1/files/{id}`
    RetrieveFile,
    /// `DELETE /v1/files/{id}`
    DeleteFile,
    /// `GET /v1/files/{id}/content`
    FileContent,
    /// `POST /v1/batches`
    CreateBatch,
    /// `GET /v1/batches`
    ListBatches,
    /// `GET /v1/batches/{id}`
    RetrieveBatch,
    /// `POST /v1/batches/{id}/cancel`
    CancelBatch,
    /// `GET /v1/models`
    ListModels,
    /// `GET /v1/models/{id}`
    RetrieveModel,
    /// Stands for all of them where a fault is ordered; no call is of this kind.
    Any,
}

const OPERATIONS: [Operation; 12] = [
    Operation::UploadFile,
    Operation::ListFiles,
    Operation::RetrieveFile,
    Operation::DeleteFile,
    Operation::FileContent,
    Operation::CreateBatch,
    Operation::ListBatches,
    Operation::RetrieveBatch,
    Operation::CancelBatch,
    Operation::ListModels,
    Operation::RetrieveModel,
    Operation::Any,
];

impl Operation {
    /// The call a request makes; none if there is no such call.
    pub(crate) fn of(method: &Method, path: &str) -> Option<Operation> {
        let below = path.strip_prefix("/v1/")?;
        if below.starts_with("models/") {
            return (method == Method::GET).then_some(Operation::RetrieveModel);
        }
        let mut segments = below.split('/');
        let place = (segments.next()?, segments.next(), segments.next());
        if segments.next().is_some() {
            return None;
        }
        Some(match (method.as_str(), place) {
            ("POST", ("files", None, None)) => Operation::UploadFile,
            ("GET", ("files", None, None)) => Operation::ListFiles,
            ("GET", ("files", Some(_), None)) => Operation::RetrieveFile,
            ("DELETE", ("files", Some(_), None)) => Operation::DeleteFile,
            ("GET", ("files", Some(_), Some("content"))) => Operation::FileContent,
            ("POST", ("batches", None, None)) => Operation::CreateBatch,
            ("GET", ("batches", None, None)) => Operation::ListBatches,
            ("GET", ("batches", Some(_), None)) => Operation::RetrieveBatch,
            ("POST", ("batches", Some(_), Some("cancel"))) => Operation::CancelBatch,
            ("GET", ("models", None, None)) => Operation::ListModels,
            _ => return None,
        })
    }

    /// The name as it stands in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Operation::UploadFile => "upload_file",
            Operation::ListFiles => "list_files",
            Operation::RetrieveFile => "retrieve_file",
            Operation::DeleteFile => "delete_file",
            Operation::FileContent => "file_content",
            Operation::CreateBatch => "create_batch",
            Operation::ListBatches => "list_batches",
            Operation::RetrieveBatch => "retrieve_batch",
            Operation::CancelBatch => "cancel_batch",
            Operation::ListModels => "list_models",
            Operation::RetrieveModel => "retrieve_model",
            Operation::Any => "any",
        }
    }

    /// Whether a fault ordered for `self` can meet a call of `other`.
    pub(crate) fn covers(self, other: Operation) -> bool {
        self == Operation::Any || self == other
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Operation {
    type Err = String;

    fn from_str(text: &str) -> Result<Operation, String> {
        let known = OPERATIONS.into_iter().find(|operation| operation.name() == text);
        known.ok_or_else(|| format!("there is no operation '{text}'"))
    }
}
