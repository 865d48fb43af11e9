//! What makes a re-sent request equal to an earlier one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// SHA-256 over tenant, endpoint and the body as its line holds it, with sorted keys and exact numbers (see
/// [`body`](super::body)).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
