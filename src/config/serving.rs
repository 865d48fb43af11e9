//! How clients are served.

use std::time::Duration;

use super::check::Check;
use crate::{
    cli::ServeArgs,
    http::{
        gateway::{Mode, Serving},
        hold::{Hold, Holding},
    },
};

/// Longest interval of a heartbeat, in seconds. The least patient of the official clients gives up after 300 without
/// a byte (contract, section 5.2).
const LONGEST_SILENCE: u64 = 240;

impl Check {
    pub(super) fn serving(&mut self, args: &ServeArgs) -> Serving {
        let modes = [("sync", Mode::Sync), ("async", Mode::Async), ("cache", Mode::Cache)];
        let mode = self.word("CLIENT_SERVING_MODE", &args.client_serving_mode, Mode::Sync, &modes);
        let cache = self.word("BATCH_GPT_CACHE", &args.cache, true, &[("on", true), ("off", false)]);
        if mode == Mode::Cache && !cache {
            let words = "CLIENT_SERVING_MODE=cache answers out of the cache alone";
            self.problem("BATCH_GPT_CACHE", "off", words);
        }
        let holds = [
            ("auto", Hold::Auto),
            ("silent", Hold::Silent),
            ("heartbeat", Hold::Heartbeat),
            ("retry", Hold::Retry),
        ];
        let hold = self.word("BATCH_GPT_HOLD", &args.hold, Hold::Auto, &holds);
        let silence = 1..=LONGEST_SILENCE;
        let interval = self.number("BATCH_GPT_HEARTBEAT_SECONDS", &args.heartbeat_seconds, 15, silence);
        let holding = Holding { hold, interval: Duration::from_secs(interval) };
        Serving { mode, holding, cache }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn some(text: &str) -> Option<String> {
        Some(text.into())
    }

    #[test]
    fn a_gateway_that_answers_out_of_the_cache_alone_needs_one() {
        let args = ServeArgs {
            simulate: true,
            client_serving_mode: some("cache"),
            cache: some("off"),
            ..ServeArgs::default()
        };
        assert!(Config::parse(&args).unwrap_err().to_string().starts_with("BATCH_GPT_CACHE=off"));
        assert!(Config::parse(&ServeArgs { cache: some("on"), ..args }).is_ok());
    }
}
