//! States of a request, as every store writes them down.

/// Accepted, in no batch.
pub(super) const OPEN: i32 = 0;
/// A line of a batch, without an outcome.
pub(super) const SEALED: i32 = 1;
/// Has its outcome. Whatever is below still wants one.
pub(super) const ANSWERED: i32 = 2;
/// Dropped before it was in a batch.
pub(super) const WITHDRAWN: i32 = 3;
