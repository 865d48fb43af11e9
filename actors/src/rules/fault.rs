//! Ways in which a call to the upstream can go wrong.

use super::{outcome::ApiError, time::Millis};

/// A call to the upstream that gave no usable answer, by what may be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing happened, or the call only reads: the same call again may go well.
    #[error("{0}")]
    Transient(String),
    /// The upstream asks for patience.
    #[error("limited: {why}")]
    Limited {
        /// How long the upstream wants to be left alone, if it said.
        retry_after: Option<Millis>,
        /// Its words.
        why: String,
    },
    /// The call may have taken effect although no answer came: look before doing it again.
    #[error("unknown whether it happened: {0}")]
    Ambiguous(String),
    /// The upstream refused and will refuse again.
    #[error("refused with {status}: {}", error.message)]
    Permanent {
        /// The upstream's status.
        status: u16,
        /// The upstream's error.
        error: ApiError,
    },
    /// The gateway holds the call back by itself: nothing has been asked, and nothing counts as failed.
    #[error("held back for {} ms", .0.0)]
    Deferred(Millis),
}
