//! By which settings and limits the gateway of a schedule works.

use batch_gpt_actors::{
    links::Calling,
    rules::{admission::Capacity, collate::Limits, retention::Retention, retry::Polling, time::Millis},
    system::Settings,
};

/// Small batches of long lines, so that every limit is met.
pub const SETTINGS: Settings = Settings {
    limits: Limits { max_requests: 3, max_bytes: 1500, max_inputs: 50_000, window: Millis(5_000) },
    calling: Calling {
        polling: Polling { min: Millis(5_000), max: Millis(2_400_000) },
        batches_per_hour: 12,
        max_attempts: MAX_ATTEMPTS as u32,
        removes_files: true,
    },
    room: 700,
    collectors: 2,
    batch_submitters: 2,
    poller_arbiters: 1,
    status_loggers: 2,
    open_requests: Capacity::shared(100_000, 1),
    retention: Retention { bodies: None, answers: None, statuses: None },
};

/// The same; `BATCH_GPT_TEST_POOLS` is how many actors there are of each kind that is pooled.
pub fn settings() -> Settings {
    match std::env::var("BATCH_GPT_TEST_POOLS") {
        Ok(size) => {
            let size = size.parse().unwrap();
            Settings { collectors: size, batch_submitters: size, status_loggers: size, ..SETTINGS }
        }
        Err(_) => SETTINGS,
    }
}

/// How often a request may be executed.
pub const MAX_ATTEMPTS: usize = 3;

/// Seconds that result files may lack lines; who asks as late as that gets them.
pub const LATEST_LINES: u64 = 30;

/// Days of quiet after a schedule in which everybody must have been answered.
pub const QUIET_DAYS: u64 = 12;
