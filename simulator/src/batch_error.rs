//! Why a batch failed.

use std::borrow::Cow;

use serde::Serialize;

use crate::order::FaultOrder;

/// One entry of a failed batch's `errors` (contract, section 2.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct BatchError {
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
    pub(crate) param: Option<String>,
    /// Counted from 1; none if the error concerns the batch as a whole.
    pub(crate) line: Option<usize>,
}

impl BatchError {
    /// An error that concerns the batch as a whole.
    pub(crate) fn whole(code: &'static str, message: impl Into<String>, param: Option<&str>) -> BatchError {
        BatchError { code: code.into(), message: message.into(), param: param.map(str::to_owned), line: None }
    }

    /// The error for a file that does not exist or belongs to somebody else.
    pub(crate) fn no_file(file: &str) -> BatchError {
        let message =
            format!("Cannot find file {file}, or organization org-simulator does not have access to it.");
        BatchError::whole("invalid_request", message, Some("file_id"))
    }

    /// The error for a batch that fails although nothing is wrong with it.
    pub(crate) fn no_reason() -> BatchError {
        BatchError::whole("server_error", "The batch could not be processed.", None)
    }

    /// The error an order describes; what it leaves open is as if the batch failed for no reason.
    pub(crate) fn ordered(order: FaultOrder) -> BatchError {
        let usual = BatchError::no_reason();
        BatchError {
            code: order.code.map_or(usual.code, Cow::Owned),
            message: order.message.unwrap_or(usual.message),
            param: order.param,
            line: order.line,
        }
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The error for a model whose queue is full.
    pub(crate) fn token_limit(model: &str, limit: u64) -> BatchError {
        let message = format!(
            "Enqueued token limit reached for {model} in organization org-simulator. Limit: {limit} enqueued \
             tokens. Please try again once some in_progress batches have been completed."
        );
        BatchError::whole("token_limit_exceeded", message, None)
    }
}
