//! The requests of a batch, in the order of its lines, as one value.
//!
//! A batch is read as a whole and never changes, and a request may be a line of a second batch after a first one
//! gave it no answer; so the order belongs to the batch and not to the requests.

use std::sync::Arc;

use batch_gpt_actors::rules::ids::RequestId;

/// Bytes of a request's id.
pub(super) const WIDTH: usize = 16;

/// [`WIDTH`] bytes for each request.
pub(super) fn to_bytes(requests: &[RequestId]) -> Vec<u8> {
    requests.iter().flat_map(|id| id.0.to_be_bytes()).collect()
}

/// Reads what [`to_bytes`] made; `None` if it is cut.
pub(super) fn from_bytes(bytes: &[u8]) -> Option<Arc<[RequestId]>> {
    let (ids, rest) = bytes.as_chunks::<WIDTH>();
    rest.is_empty().then(|| ids.iter().map(|id| RequestId(u128::from_be_bytes(*id))).collect())
}
