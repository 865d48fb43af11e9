//! What makes a re-sent request equal to an earlier one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// SHA-256 over tenant, endpoint and the body as its line holds it, with sorted keys and exact numbers (see
/// [`body`](super::body)).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 32]);

/// The first bytes of a fingerprint: enough to tell it from nearly all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Start(pub u64);

impl Fingerprint {
    /// Its first eight bytes. Those of several sort as the fingerprints do.
    pub fn start(&self) -> Start {
        Start(self.0.iter().take(8).fold(0, |start, byte| start << 8 | u64::from(*byte)))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
