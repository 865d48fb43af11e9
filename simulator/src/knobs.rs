//! The switches for behaviour that varies.

use serde::{Deserialize, Serialize};

/// Deviations from the usual behaviour of the upstream.
///
/// The default is what the upstream was seen doing; each member turns on one recorded or suspected variation,
/// so that a client can be shown to survive both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// Models the batch endpoint knows; empty: every model not in [`Knobs::unsupported_models`]
    /// (contract, case 32).
    pub models: Vec<String>,
    /// Models refused with `model_not_found` even if [`Knobs::models`] is empty (contract, case 32).
    pub unsupported_models: Vec<String>,
    /// Appended to the requested model's name in every answer and in the batch, as the upstream resolves an
    /// alias to a dated snapshot (contract, section 3.5).
    pub snapshot_suffix: String,
    /// Adds a `detail` member next to `error` when an upload is refused for its format (contract, case 2).
    pub upload_error_detail: bool,
    /// Refuses a create call that names an unknown file with 400 instead of failing the batch later
    /// (contract, case 23).
    pub missing_file_refused_at_create: bool,
    /// What `error_file_id` holds when no line failed (contract, case 42).
    pub no_error_file: NoErrorFile,
    /// Share of lines, 0 to 1, that come back with `status_code` 0 and an empty body (contract, case 47).
    pub status_zero_rate: f64,
    /// Share of lines, 0 to 1, that come back without a response and with code `request_timeout`
    /// (contract, case 48).
    pub request_timeout_rate: f64,
    /// Reports every line as completed whatever the result files hold (contract, case 49).
    pub counts_lie: bool,
    /// Returned verbatim as the 200 body of every line that does not fail, with line breaks turned into blanks
    /// (contract, case 50).
    pub canned_body: Option<String>,
    /// Announces both result files as soon as the batch runs; they stay empty until it ends
    /// (contract, case 52).
    pub early_file_ids: bool,
    /// Leaves out members that would be null, in batches and in result lines (contract, case 53).
    pub omit_nulls: bool,
    /// Leaves out the line feed after the last line of a result file (contract, case 53).
    pub omit_final_newline: bool,
    /// Writes the members of each result line in an order that differs from line to line
    /// (contract, case 53).
    pub permute_keys: bool,
    /// Adds members no client knows to batches and result lines (contract, case 53).
    pub extra_members: bool,
    /// Writes the `request_id` of a result line without its `req_` prefix (contract, case 53).
    pub bare_request_ids: bool,
    /// Allows a batch to be cancelled before its input is validated; otherwise the call answers 409
    /// (contract, case 58).
    pub cancel_while_validating: bool,
    /// Lets a batch that is cancelled while finalizing end as `completed` (contract, case 59).
    pub cancel_loses_to_finalizing: bool,
}

impl Default for Knobs {
    fn default() -> Self {
        Knobs {
            models: Vec::new(),
            unsupported_models: vec!["unsupported-model".to_owned()],
            snapshot_suffix: String::new(),
            upload_error_detail: true,
            missing_file_refused_at_create: false,
            no_error_file: NoErrorFile::Null,
            status_zero_rate: 0.0,
            request_timeout_rate: 0.0,
            counts_lie: false,
            canned_body: None,
            early_file_ids: false,
            omit_nulls: false,
            omit_final_newline: false,
            permute_keys: false,
            extra_members: false,
            bare_request_ids: false,
            cancel_while_validating: true,
            cancel_loses_to_finalizing: false,
        }
    }
}

impl Knobs {
    /// Whether the batch endpoint accepts `model`.
    pub(crate) fn supports(&self, model: &str) -> bool {
        let listed = self.models.is_empty() || self.models.iter().any(|known| known == model);
        listed && !self.unsupported_models.iter().any(|refused| refused == model)
    }
}

/// What a batch without failures shows as its error file (contract, section 2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoErrorFile {
    /// An explicit null.
    #[default]
    Null,
    /// The empty string.
    EmptyString,
    /// The id of a file of zero bytes.
    ZeroByteFile,
}
