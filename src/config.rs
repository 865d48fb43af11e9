//! What the gateway was told, checked as a whole.

use std::{
    fmt::Display,
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use batch_gpt_actors::{
    links::Calling,
    memory::ROOM,
    rules::{
        admission::Capacity,
        collate::{Limits, MAX_INPUTS},
        price::Prices,
        retry::Polling,
        time::Millis,
    },
    system::Settings,
};

use crate::{
    cli::{Secret, ServeArgs},
    http::{
        gateway::{Mode, Serving},
        hold::{Hold, Holding},
    },
    keys::{Key, Keys},
    logging::LogFormat,
    prices::prices,
    store::Location,
    upstream::UpstreamKey,
};

/// Longest interval of a heartbeat, in seconds. The least patient of the official clients gives up after 300 without
/// a byte (contract, section 5.2).
const LONGEST_SILENCE: u64 = 240;

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
    /// The store.
    pub store: Location,
    /// How clients are served.
    pub serving: Serving,
    /// Where to listen.
    pub bind: SocketAddr,
    /// The clients' keys.
    pub keys: Keys,
    /// The administrator's key.
    pub admin_key: Option<Key>,
    /// Sizes and limits of the actors.
    pub actors: Settings,
    /// Bytes of a request's body.
    pub max_body_bytes: usize,
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
        let min_poll = if args.simulate { 500 } else { 5000 };
        let window = check.number(
            "COLLATE_BATCHES_FOR_DURATION_IN_MS",
            &args.collate_batches_for_duration_in_ms,
            5000,
            1..=86_400_000,
        );
        let max = check.number(
            "COLLECT_BATCH_STATS_POLLING_MAX_INTERVAL_SECONDS",
            &args.collect_batch_stats_polling_max_interval_seconds,
            300,
            1..=86_400,
        );
        let min = check.number(
            "BATCH_GPT_POLLING_MIN_INTERVAL_MS",
            &args.polling_min_interval_ms,
            min_poll,
            10..=3_600_000,
        );
        let limits = Limits {
            max_requests: check.number(
                "BATCH_GPT_MAX_BATCH_REQUESTS",
                &args.max_batch_requests,
                50_000,
                1..=1_000_000,
            ),
            max_bytes: check.number(
                "BATCH_GPT_MAX_BATCH_BYTES",
                &args.max_batch_bytes,
                200_000_000,
                1024..=10_000_000_000,
            ),
            max_inputs: MAX_INPUTS,
            window: Millis(window),
        };
        let keys = check.keys(&args.api_keys);
        let actors = Settings {
            limits,
            calling: Calling {
                polling: Polling { min: Millis(min), max: Millis::from_secs(max) },
                batches_per_hour: check.number(
                    "BATCH_GPT_MAX_BATCHES_PER_HOUR",
                    &args.max_batches_per_hour,
                    2000,
                    1..=1_000_000,
                ),
                max_attempts: check.number("BATCH_GPT_MAX_ATTEMPTS", &args.max_attempts, 3, 1..=100),
            },
            room: ROOM,
            collectors: check.number("BATCH_GPT_COLLECTORS", &args.collectors, 1, 1..=64),
            batch_submitters: check.number("BATCH_GPT_BATCH_SUBMITTERS", &args.batch_submitters, 2, 1..=64),
            poller_arbiters: check.number("BATCH_GPT_POLLER_ARBITERS", &args.poller_arbiters, 1, 1..=64),
            status_loggers: check.number("BATCH_GPT_STATUS_LOGGERS", &args.status_loggers, 1, 1..=64),
            open_requests: Capacity {
                places: check.number(
                    "BATCH_GPT_MAX_OPEN_REQUESTS",
                    &args.max_open_requests,
                    100_000,
                    1..=10_000_000,
                ),
                tenants: keys.tenants(),
            },
        };
        let mode = check.mode(&args.client_serving_mode);
        let cache = check.cache(&args.cache, mode);
        let holding = Holding {
            hold: check.hold(&args.hold),
            interval: Duration::from_secs(check.number(
                "BATCH_GPT_HEARTBEAT_SECONDS",
                &args.heartbeat_seconds,
                15,
                1..=LONGEST_SILENCE,
            )),
        };
        let bind = check.bind(&args.bind_address, &keys, &args.allow_anonymous);
        let config = Self {
            upstream: check.upstream(args),
            store: check.store(args),
            serving: Serving { mode, holding, cache },
            bind,
            keys,
            admin_key: args.admin_key.as_ref().filter(|key| !key.0.is_empty()).map(|key| Key::new(&key.0)),
            actors,
            max_body_bytes: check.number(
                "BATCH_GPT_MAX_BODY_BYTES",
                &args.max_body_bytes,
                33_554_432,
                1024..=512 << 20,
            ),
            drain: Duration::from_secs(check.number(
                "BATCH_GPT_DRAIN_SECONDS",
                &args.drain_seconds,
                30,
                0..=86_400,
            )),
            prices: check.prices(&args.prices_file),
            log_format: check.log_format(&args.log_format),
        };
        if check.problems.is_empty() { Ok(config) } else { Err(BadConfig(check.problems)) }
    }
}

/// A user or password as a connection string wants it: everything but letters and digits escaped.
fn percent(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escaped).collect()
}

/// An empty variable counts as unset.
fn given(value: &Option<String>) -> Option<&str> {
    value.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

#[derive(Default)]
struct Check {
    problems: Vec<String>,
}

impl Check {
    fn problem(&mut self, name: &str, value: &str, allowed: impl Display) {
        self.problems.push(format!("{name}={value}: {allowed}"));
    }

    fn number<T>(&mut self, name: &str, value: &Option<String>, default: T, allowed: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        let Some(text) = given(value) else { return default };
        match text.parse().ok().filter(|number| allowed.contains(number)) {
            Some(number) => number,
            None => {
                let words =
                    format!("a whole number from {} to {} is allowed", allowed.start(), allowed.end());
                self.problem(name, text, words);
                default
            }
        }
    }

    fn mode(&mut self, value: &Option<String>) -> Mode {
        match given(value) {
            None | Some("sync") => Mode::Sync,
            Some("async") => Mode::Async,
            Some("cache") => Mode::Cache,
            Some(other) => {
                self.problem("CLIENT_SERVING_MODE", other, "sync, async or cache is allowed");
                Mode::Sync
            }
        }
    }

    fn cache(&mut self, value: &Option<String>, mode: Mode) -> bool {
        match given(value) {
            None | Some("on") => true,
            Some("off") if mode != Mode::Cache => false,
            Some("off") => {
                self.problem(
                    "BATCH_GPT_CACHE",
                    "off",
                    "CLIENT_SERVING_MODE=cache answers out of the cache alone",
                );
                false
            }
            Some(other) => {
                self.problem("BATCH_GPT_CACHE", other, "on or off is allowed");
                true
            }
        }
    }

    fn hold(&mut self, value: &Option<String>) -> Hold {
        match given(value) {
            None | Some("auto") => Hold::Auto,
            Some("silent") => Hold::Silent,
            Some("heartbeat") => Hold::Heartbeat,
            Some("retry") => Hold::Retry,
            Some(other) => {
                self.problem("BATCH_GPT_HOLD", other, "auto, silent, heartbeat or retry is allowed");
                Hold::Auto
            }
        }
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

    /// Setting any one of the MongoDB variables chooses MongoDB; a whole connection string wins over its parts.
    fn store(&mut self, args: &ServeArgs) -> Location {
        let parts = [&args.mongo_host, &args.mongo_port, &args.mongo_user, &args.mongo_database];
        let password =
            args.mongo_password.as_ref().map(|secret| secret.0.as_str()).filter(|it| !it.is_empty());
        let uri = args.mongodb_uri.as_ref().map(|secret| secret.0.trim()).filter(|uri| !uri.is_empty());
        if uri.is_none() && password.is_none() && parts.iter().all(|part| given(part).is_none()) {
            let folder = given(&args.data_dir).unwrap_or("./batch-gpt-data");
            return Location::Embedded { folder: PathBuf::from(folder) };
        }
        let database = given(&args.mongo_database).unwrap_or("batchgpt").to_owned();
        if let Some(uri) = uri {
            if !uri.starts_with("mongodb://") && !uri.starts_with("mongodb+srv://") {
                self.problem(
                    "MONGODB_URI",
                    "…",
                    "a mongodb:// or mongodb+srv:// connection string is allowed",
                );
            }
            return Location::Mongo { uri: uri.to_owned(), database };
        }
        let host = given(&args.mongo_host).unwrap_or("localhost");
        let port = self.number("MONGO_PORT", &args.mongo_port, 27_017, 1..=65_535u16);
        // An empty user is said on purpose: no authentication.
        let user = args.mongo_user.as_deref().unwrap_or("admin").trim();
        let password = password.unwrap_or("password");
        let login = match user {
            "" => String::new(),
            user => format!("{}:{}@", percent(user), percent(password)),
        };
        // One host was named, and is meant: a member of a replica set may announce names that lead nowhere from here.
        Location::Mongo { uri: format!("mongodb://{login}{host}:{port}/?directConnection=true"), database }
    }

    fn keys(&mut self, value: &Option<Secret>) -> Keys {
        let Some(Secret(text)) = value else {
            return Keys::default();
        };
        Keys::parse(text).unwrap_or_else(|error| {
            // The value itself is secret, and so is not repeated.
            self.problem("BATCH_GPT_API_KEYS", "…", error);
            Keys::default()
        })
    }

    fn bind(&mut self, value: &Option<String>, keys: &Keys, allow_anonymous: &Option<String>) -> SocketAddr {
        let default = SocketAddr::from(([127, 0, 0, 1], 8080));
        let text = given(value).unwrap_or("127.0.0.1:8080");
        let allow = match given(allow_anonymous) {
            None | Some("0") => false,
            Some("1") => true,
            Some(other) => {
                self.problem("BATCH_GPT_ALLOW_ANONYMOUS", other, "0 or 1 is allowed");
                false
            }
        };
        let Ok(address) = text.parse::<SocketAddr>() else {
            self.problem(
                "BATCH_GPT_BIND_ADDRESS",
                text,
                "an address with a port is allowed, such as 127.0.0.1:8080",
            );
            return default;
        };
        if !address.ip().is_loopback() && keys.is_empty() && !allow {
            let words = "without BATCH_GPT_API_KEYS only a loopback address is allowed, or set \
                         BATCH_GPT_ALLOW_ANONYMOUS=1";
            self.problem("BATCH_GPT_BIND_ADDRESS", text, words);
        }
        address
    }

    fn upstream(&mut self, args: &ServeArgs) -> UpstreamConfig {
        if args.simulate {
            return UpstreamConfig::Simulated;
        }
        let url = given(&args.openai_base_url).unwrap_or("https://api.openai.com/v1");
        if reqwest::Url::parse(url).map_or(true, |url| !["http", "https"].contains(&url.scheme())) {
            self.problem("OPENAI_BASE_URL", url, "an http or https URL is allowed");
        }
        let key = args.openai_api_key.as_ref().map(|key| key.0.trim()).filter(|key| !key.is_empty());
        let Some(key) = key else {
            let words = "a key is needed; or try `batch-gpt serve --simulate`, which needs none";
            self.problem("OPENAI_API_KEY", "", words);
            return UpstreamConfig::Simulated;
        };
        match UpstreamKey::new(key) {
            Ok(key) => UpstreamConfig::At(url.to_owned(), key),
            Err(error) => {
                self.problem("OPENAI_API_KEY", "…", error);
                UpstreamConfig::Simulated
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_key_is_needed_unless_the_upstream_is_simulated() {
        let missing = Config::parse(&ServeArgs::default()).unwrap_err();
        assert!(missing.to_string().starts_with("OPENAI_API_KEY="));
        assert!(Config::parse(&ServeArgs { simulate: true, ..ServeArgs::default() }).is_ok());
    }

    #[test]
    fn any_mongodb_variable_chooses_mongodb_and_a_whole_string_wins() {
        let simulate = || ServeArgs { simulate: true, ..ServeArgs::default() };
        let store = |args: ServeArgs| Config::parse(&args).unwrap().store;
        assert!(matches!(store(simulate()), Location::Embedded { .. }));
        let by_host = ServeArgs { mongo_host: some("db"), ..simulate() };
        let uri = "mongodb://admin:password@db:27017/?directConnection=true".to_owned();
        assert_eq!(store(by_host), Location::Mongo { uri, database: "batchgpt".into() });
        let odd = ServeArgs { mongo_password: Some(Secret("p@ss/w:rd".into())), ..simulate() };
        let uri = "mongodb://admin:p%40ss%2Fw%3Ard@localhost:27017/?directConnection=true".to_owned();
        assert_eq!(store(odd), Location::Mongo { uri, database: "batchgpt".into() });
        let unset =
            ServeArgs { mongo_host: some(""), mongo_password: Some(Secret(String::new())), ..simulate() };
        assert!(matches!(store(unset), Location::Embedded { .. }));
        let open = ServeArgs { mongo_user: some(""), mongo_port: some("1"), ..simulate() };
        let uri = "mongodb://localhost:1/?directConnection=true".to_owned();
        assert_eq!(store(open), Location::Mongo { uri, database: "batchgpt".into() });
        let whole = ServeArgs {
            mongodb_uri: Some(Secret("mongodb://a,b/?replicaSet=rs".into())),
            mongo_host: some("ignored"),
            mongo_database: some("mine"),
            ..simulate()
        };
        let uri = "mongodb://a,b/?replicaSet=rs".to_owned();
        assert_eq!(store(whole), Location::Mongo { uri, database: "mine".into() });
    }

    #[test]
    fn beyond_loopback_needs_keys_or_a_clear_word() {
        let open = ServeArgs { simulate: true, bind_address: some("0.0.0.0:0"), ..ServeArgs::default() };
        assert!(Config::parse(&open).is_err());
        assert!(Config::parse(&ServeArgs { allow_anonymous: some("1"), ..open.clone() }).is_ok());
        assert!(Config::parse(&ServeArgs { api_keys: Some(Secret("a:b".into())), ..open }).is_ok());
    }
}
