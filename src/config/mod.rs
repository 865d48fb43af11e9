//! What the gateway was told, checked as a whole. Each part of the settings has its own file.

mod actors;
mod check;
mod door;
mod limits;
mod retention;
mod secret;
mod serving;
mod store;
mod tls;
mod upstream;

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use batch_gpt_actors::{rules::price::Prices, system::Settings};

use self::check::{Check, given};
pub use self::limits::SPARE_CONNECTIONS;
use crate::{
    cli::ServeArgs,
    http::{gateway::Serving, limits::Limits},
    keys::{Key, ring::Keyring},
    logging::LogFormat,
    prices::prices,
    store::Location,
    tls::Certificate,
    upstream::UpstreamKey,
};

/// Where the upstream is.
#[derive(Debug, Clone)]
pub enum UpstreamConfig {
    /// Inside this process.
    Simulated,
    /// At this base URL, with this key.
    At(String, UpstreamKey),
}

/// Everything that is set.
#[derive(Debug, Clone)]
pub struct Config {
    /// The upstream.
    pub upstream: UpstreamConfig,
    /// Seconds after which the files of the gateway's batches expire upstream; `None` leaves that to the upstream.
    pub files_expire_after: Option<u64>,
    /// The store.
    pub store: Location,
    /// How clients are served.
    pub serving: Serving,
    /// Where to listen.
    pub bind: SocketAddr,
    /// The clients' keys.
    pub keys: Arc<Keyring>,
    /// The certificate of the listener; without one it speaks plain HTTP.
    pub tls: Option<Arc<Certificate>>,
    /// The administrator's key.
    pub administrator: Option<Key>,
    /// Sizes and limits of the actors.
    pub actors: Settings,
    /// What a client may take before it is served.
    pub limits: Limits,
    /// Time for an orderly stop.
    pub drain: Duration,
    /// What tokens cost.
    pub prices: Arc<Prices>,
    /// How the log looks.
    pub log_format: LogFormat,
}

/// Everything that is wrong with the settings, a line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct BadConfig(pub Vec<String>);

impl Config {
    /// Makes sense of the flags; reports all that is wrong at once.
    pub fn parse(args: &ServeArgs) -> Result<Self, BadConfig> {
        let mut check = Check::default();
        let keys = check.keys(args);
        let actors = check.actors(args, keys.tenants());
        let config = Self {
            upstream: check.upstream(args),
            files_expire_after: check.files_expire_after(args),
            store: check.store(args),
            serving: check.serving(args),
            bind: check.bind(args, &keys),
            keys,
            tls: check.tls(args),
            administrator: check.administrator(args),
            limits: check.limits(args, actors.open_requests.places),
            actors,
            drain: check.drain(args),
            prices: check.prices(&args.prices_file),
            log_format: check.log_format(&args.log_format),
        };
        if check.problems.is_empty() { Ok(config) } else { Err(BadConfig(check.problems)) }
    }
}

impl Check {
    fn drain(&mut self, args: &ServeArgs) -> Duration {
        Duration::from_secs(self.number("BATCH_GPT_DRAIN_SECONDS", &args.drain_seconds, 30, 0..=86_400))
    }

    fn prices(&mut self, value: &Option<String>) -> Arc<Prices> {
        let file = given(value);
        let prices = prices(file.map(Path::new)).unwrap_or_else(|error| {
            self.problem("BATCH_GPT_PRICES_FILE", file.unwrap_or_default(), error);
            Prices::default()
        });
        Arc::new(prices)
    }

    fn log_format(&mut self, value: &Option<String>) -> LogFormat {
        let text = given(value).unwrap_or("text");
        text.parse().unwrap_or_else(|error| {
            self.problem("BATCH_GPT_LOG_FORMAT", text, error);
            LogFormat::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Secret;

    fn some(text: &str) -> Option<String> {
        Some(text.into())
    }

    #[test]
    fn everything_wrong_is_said_at_once_and_no_secret_with_it() {
        let args = ServeArgs {
            simulate: true,
            collate_batches_for_duration_in_ms: some("soon"),
            max_batch_requests: some("0"),
            bind_address: some("0.0.0.0:80"),
            api_keys: Some(Secret("sk-very-secret".into())),
            client_serving_mode: some("quantum"),
            cache: some("maybe"),
            hold: some("tight"),
            heartbeat_seconds: some("300"),
            prices_file: some("/nowhere/prices.json"),
            log_format: some("loud"),
            ..ServeArgs::default()
        };
        let text = Config::parse(&args).unwrap_err().to_string();
        for name in [
            "COLLATE_BATCHES_FOR_DURATION_IN_MS=soon: a whole number from 1",
            "BATCH_GPT_MAX_BATCH_REQUESTS=0",
            "BATCH_GPT_BIND_ADDRESS=0.0.0.0:80",
            "BATCH_GPT_API_KEYS=…",
            "CLIENT_SERVING_MODE=quantum",
            "BATCH_GPT_CACHE=maybe",
            "BATCH_GPT_HOLD=tight",
            "BATCH_GPT_HEARTBEAT_SECONDS=300: a whole number from 1 to 240",
            "BATCH_GPT_PRICES_FILE=/nowhere/prices.json: cannot be read",
            "BATCH_GPT_LOG_FORMAT=loud: text or json",
        ] {
            assert!(text.contains(name), "{name} is missing in:\n{text}");
        }
        assert!(!text.contains("secret"));
    }
}
