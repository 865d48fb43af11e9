//! A client's own name for a request, by which it tells a second sending from a second wish.

use std::fmt;

use sha2::{Digest, Sha256};

use super::{json::feed, lane::Tenant};

/// SHA-256 over tenant and `Idempotency-Key`. The key itself is the client's, and nobody else's to read.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(pub [u8; 32]);

impl IdempotencyKey {
    /// The key as this tenant's.
    pub fn of(tenant: &Tenant, key: &[u8]) -> Self {
        let mut sink = Sha256::new();
        feed(&mut sink, b't', tenant.0.as_bytes());
        feed(&mut sink, b'k', key);
        Self(sink.finalize().into())
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
