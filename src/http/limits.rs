//! What a client may take of the gateway before it is served.

use std::time::Duration;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest body of a request, in bytes.
    pub body_bytes: usize,
    /// Longest time that the first head of a connection may take.
    pub head_time: Duration,
    /// Time that a body may take in any case. A larger one may take longer, as long as it keeps a minimum rate.
    pub body_time: Duration,
    /// Most connections of one address.
    pub connections_per_address: usize,
    /// Most wrong keys from one address within a minute.
    pub wrong_keys_per_minute: u32,
}
