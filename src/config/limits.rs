//! What a client may take before it is served.

use std::time::Duration;

use super::check::Check;
use crate::{cli::ServeArgs, http::limits::Limits};

/// Connections beyond the admitted requests, so that a refusal can be told rather than left hanging.
pub const SPARE_CONNECTIONS: usize = 4096;

impl Check {
    /// `places` is how many requests may be open.
    pub(super) fn limits(&mut self, args: &ServeArgs, places: usize) -> Limits {
        let seconds = 1..=3600;
        let head = self.number("BATCH_GPT_HEAD_SECONDS", &args.head_seconds, 10, seconds.clone());
        let body = self.number("BATCH_GPT_BODY_SECONDS", &args.body_seconds, 20, seconds);
        Limits {
            body_bytes: self.number(
                "BATCH_GPT_MAX_BODY_BYTES",
                &args.max_body_bytes,
                33_554_432,
                1024..=512 << 20,
            ),
            head_time: Duration::from_secs(head),
            body_time: Duration::from_secs(body),
            connections_per_address: self.number(
                "BATCH_GPT_MAX_CONNECTIONS_PER_ADDRESS",
                &args.max_connections_per_address,
                places + SPARE_CONNECTIONS,
                1..=100_000_000,
            ),
            wrong_keys_per_minute: self.number(
                "BATCH_GPT_MAX_WRONG_KEYS_PER_MINUTE",
                &args.max_wrong_keys_per_minute,
                60,
                1..=1_000_000,
            ),
        }
    }
}
