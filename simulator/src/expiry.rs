//! How long a file is kept.

use crate::error::ApiError;
use crate::parameter;

/// Seconds an input or result file of a batch is kept by default (contract, section 1.1).
pub(crate) const DEFAULT_SECONDS: u64 = 2_592_000;

/// A checked `expires_after` or `output_expires_after`: seconds after the creation of the file, from an hour to
/// thirty days.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExpiresAfter {
    pub(crate) seconds: u64,
}

impl ExpiresAfter {
    /// Checks both members; `name` is the parameter they belong to.
    pub(crate) fn checked(name: &str, anchor: &str, seconds: i64) -> Result<ExpiresAfter, ApiError> {
        if anchor != "created_at" {
            return Err(ApiError::unsupported_value(&format!("{name}.anchor"), anchor, &["created_at"]));
        }
        let seconds = parameter::bounded(&format!("{name}.seconds"), seconds, 3_600..=2_592_000)?;
        Ok(ExpiresAfter { seconds: seconds.unsigned_abs() })
    }
}
