//! The ids of files, batches, requests and result lines.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::random::mix;

/// Hands out ids that never repeat within one simulator and are the same for the same seed and order of calls.
#[derive(Debug)]
pub(crate) struct Identifiers {
    seed: u64,
    issued: AtomicU64,
}

impl Identifiers {
    pub(crate) fn new(seed: u64) -> Identifiers {
        Identifiers { seed, issued: AtomicU64::new(0) }
    }

    /// A new id: the prefix and 32 hexadecimal digits.
    pub(crate) fn next(&self, prefix: &str) -> String {
        let first = self.reserve(1);
        self.render(prefix, first)
    }

    /// Sets aside `count` consecutive numbers for [`Identifiers::render`] and returns the first.
    pub(crate) fn reserve(&self, count: u64) -> u64 {
        self.issued.fetch_add(count, Ordering::Relaxed)
    }

    /// The id for a reserved number.
    pub(crate) fn render(&self, prefix: &str, number: u64) -> String {
        let high = mix(self.seed.wrapping_add(number));
        let low = mix(number ^ 0x5DEE_CE66_D1CE_4E5B);
        format!("{prefix}{low:016x}{high:016x}")
    }
}
