//! The virtual clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Furthest the clock can be moved in total: a thousand years keeps all sums of times far from overflow.
const MAX_OFFSET_MS: u64 = 1_000 * 366 * 86_400 * 1_000;

/// Real time plus an offset that only grows, so that a 24-hour window can pass in a test.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    started_ms: u64,
    offset_ms: AtomicU64,
}

impl Clock {
    pub(crate) fn new() -> Clock {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock {
            started: Instant::now(),
            started_ms: u64::try_from(since_epoch.as_millis()).unwrap_or(0),
            offset_ms: AtomicU64::new(0),
        }
    }

    /// Virtual milliseconds since the Unix epoch; never goes back.
    pub(crate) fn now_ms(&self) -> u64 {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.started_ms.saturating_add(elapsed).saturating_add(self.offset_ms.load(Ordering::SeqCst))
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&self, ms: u64) {
        // The closure always returns a value, so the update cannot be refused.
        let _ = self.offset_ms.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |offset| {
            Some(offset.saturating_add(ms).min(MAX_OFFSET_MS))
        });
    }
}
