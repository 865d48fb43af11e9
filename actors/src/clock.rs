//! The time of day, on the same hand as the timers.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::{Duration, Instant};

use crate::rules::time::Timestamp;

/// Reads the time of day once and counts on from there by the runtime's own clock: it never jumps, and it stands
/// still and leaps with the timers in tests on virtual time.
#[derive(Debug, Clone)]
pub struct Clock {
    started: Instant,
    started_at: Timestamp,
}

impl Clock {
    /// A clock that shows the time of day.
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::starting_at(Timestamp(since_epoch.as_millis() as u64))
    }

    /// A clock that shows `at` now.
    pub fn starting_at(at: Timestamp) -> Self {
        Self { started: Instant::now(), started_at: at }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.started_at.0 + self.started.elapsed().as_millis() as u64)
    }

    /// The runtime's moment at which this clock shows `at`.
    pub fn instant(&self, at: Timestamp) -> Instant {
        self.started + Duration::from(at.since(self.started_at))
    }
}
