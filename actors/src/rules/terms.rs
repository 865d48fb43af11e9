//! On which terms a request is taken: what it may have of equal ones, and they of it.

use super::idempotency::IdempotencyKey;

/// What a request's client asks beside its answer. By default nothing is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// It may be answered as an equal request was, or share the line of one that is under way.
    pub shares: bool,
    /// It is answered out of the store or not at all; nothing is sent upstream for it.
    pub stored_only: bool,
    /// What has to be known as long as the request is.
    pub keeping: Keeping,
}

/// The terms that the journal keeps with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keeping {
    /// Nobody but who sends this very request again may have its answer.
    pub private: bool,
    /// Its client's own name for it.
    pub key: Option<IdempotencyKey>,
}
