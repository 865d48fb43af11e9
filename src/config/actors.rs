//! Sizes and limits of the actors.

use batch_gpt_actors::{
    links::Calling,
    memory::ROOM,
    rules::{
        admission::Capacity,
        collate::{Limits, MAX_INPUTS},
        retry::Polling,
        time::Millis,
    },
    system::Settings,
};

use super::check::Check;
use crate::cli::ServeArgs;

impl Check {
    /// `tenants` is how many there are, who share the places.
    pub(super) fn actors(&mut self, args: &ServeArgs, tenants: usize) -> Settings {
        let min_poll = if args.simulate { 500 } else { 5000 };
        let window = self.number(
            "COLLATE_BATCHES_FOR_DURATION_IN_MS",
            &args.collate_batches_for_duration_in_ms,
            5000,
            1..=86_400_000,
        );
        let max = self.number(
            "COLLECT_BATCH_STATS_POLLING_MAX_INTERVAL_SECONDS",
            &args.collect_batch_stats_polling_max_interval_seconds,
            300,
            1..=86_400,
        );
        let min = self.number(
            "BATCH_GPT_POLLING_MIN_INTERVAL_MS",
            &args.polling_min_interval_ms,
            min_poll,
            10..=3_600_000,
        );
        let limits = Limits {
            max_requests: self.number(
                "BATCH_GPT_MAX_BATCH_REQUESTS",
                &args.max_batch_requests,
                50_000,
                1..=1_000_000,
            ),
            max_bytes: self.number(
                "BATCH_GPT_MAX_BATCH_BYTES",
                &args.max_batch_bytes,
                200_000_000,
                1024..=10_000_000_000,
            ),
            max_inputs: MAX_INPUTS,
            window: Millis(window),
        };
        Settings {
            limits,
            calling: Calling {
                polling: Polling { min: Millis(min), max: Millis::from_secs(max) },
                batches_per_hour: self.number(
                    "BATCH_GPT_MAX_BATCHES_PER_HOUR",
                    &args.max_batches_per_hour,
                    2000,
                    1..=1_000_000,
                ),
                max_attempts: self.number("BATCH_GPT_MAX_ATTEMPTS", &args.max_attempts, 3, 1..=100),
                removes_files: self.removes_files(args),
            },
            room: ROOM,
            collectors: self.number("BATCH_GPT_COLLECTORS", &args.collectors, 1, 1..=64),
            batch_submitters: self.number("BATCH_GPT_BATCH_SUBMITTERS", &args.batch_submitters, 2, 1..=64),
            poller_arbiters: self.number("BATCH_GPT_POLLER_ARBITERS", &args.poller_arbiters, 1, 1..=64),
            status_loggers: self.number("BATCH_GPT_STATUS_LOGGERS", &args.status_loggers, 1, 1..=64),
            open_requests: self.open_requests(args, tenants),
            retention: self.retention(args),
        }
    }

    fn open_requests(&mut self, args: &ServeArgs, tenants: usize) -> Capacity {
        let allowed = 1..=10_000_000;
        let places =
            self.number("BATCH_GPT_MAX_OPEN_REQUESTS", &args.max_open_requests, 100_000, allowed.clone());
        let each = self.number(
            "BATCH_GPT_MAX_OPEN_REQUESTS_PER_TENANT",
            &args.max_open_requests_per_tenant,
            places,
            allowed,
        );
        Capacity { each, ..Capacity::shared(places, tenants) }
    }
}
