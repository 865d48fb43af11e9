//! The command line. Every flag has an environment variable; a flag wins over it.

use std::path::PathBuf;

use batch_gpt_simulator::SimulateArgs;
use clap::{Args, Parser, Subcommand};

use crate::{
    batches::BatchesArgs,
    keys::command::KeysArgs,
    monitor::MonitorArgs,
    papers::{CompletionsArgs, ManArgs},
};

/// An OpenAI-compatible gateway that turns ordinary real-time calls into half-price Batch API jobs.
#[derive(Debug, Parser)]
#[command(name = "batch-gpt", version, about)]
pub struct Cli {
    /// What to do; `serve` if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The flags of `serve`, for `batch-gpt` alone.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway.
    Serve(Box<ServeArgs>),
    /// Try it: simulated upstream, gateway and a real client in one command, on a throw-away folder.
    Demo(DemoArgs),
    /// Run the simulated upstream alone.
    Simulate(Box<SimulateArgs>),
    /// Watch the batches of a running gateway on the terminal.
    Monitor(MonitorArgs),
    /// List, show and cancel batches of a running gateway, for people and scripts.
    Batches(BatchesArgs),
    /// Make, list and revoke the keys of clients.
    Keys(KeysArgs),
    /// Exit 0 if a gateway answers that it is ready.
    Healthcheck(HealthcheckArgs),
    /// Print completions for a shell.
    Completions(CompletionsArgs),
    /// Print the manual page, or write a page for each command into a folder.
    Man(ManArgs),
}

/// Flags of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// One prompt a line: a chat body, {"prompt": …}, {"question": …} or a string. A small built-in set if absent.
    pub prompts: Option<PathBuf>,
}

/// Flags of `healthcheck`.
#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// Where the gateway listens.
    #[arg(long, env = "BATCH_GPT_BIND_ADDRESS", default_value = "127.0.0.1:8080")]
    pub bind_address: String,

    /// Set if the gateway speaks TLS. Whose certificate it shows does not matter: no secret is sent
    #[arg(long, env = "BATCH_GPT_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<String>,
}

/// Flags of `serve`, as they were typed. [`Config`](crate::config::Config) makes sense of them, so that everything
/// that is wrong is said at once.
#[derive(Debug, Default, Clone, Args)]
pub struct ServeArgs {
    /// Use the built-in simulated upstream: no key, no network.
    #[arg(long)]
    pub simulate: bool,

    /// The upstream key; needed unless --simulate. Better set as a variable: others can see a command line.
    #[arg(long, env = "OPENAI_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub openai_api_key: Option<Secret>,

    /// A file that holds the upstream key, instead of OPENAI_API_KEY
    #[arg(long, env = "OPENAI_API_KEY_FILE", value_name = "FILE")]
    pub openai_api_key_file: Option<String>,

    /// Folder of systemd's credentials; openai_api_key there is the upstream key, unless one is given otherwise
    #[arg(long, env = "CREDENTIALS_DIRECTORY", value_name = "FOLDER")]
    pub credentials_directory: Option<String>,

    /// 1: send the upstream key unencrypted (http) beyond this machine [default: 0]
    #[arg(long, env = "BATCH_GPT_ALLOW_PLAIN_UPSTREAM", value_name = "0|1")]
    pub allow_plain_upstream: Option<String>,

    /// Any server that speaks the same Files and Batch API [default: https://api.openai.com/v1]
    #[arg(long, env = "OPENAI_BASE_URL", value_name = "URL")]
    pub openai_base_url: Option<String>,

    /// sync: clients wait for their answer; async: they get an id, and ask for it later; cache: they get stored answers
    /// only [default: sync]
    #[arg(long, env = "CLIENT_SERVING_MODE", value_name = "MODE")]
    pub client_serving_mode: Option<String>,

    /// on: equal requests of a tenant share one answer; off: each is answered by itself [default: on]
    #[arg(long, env = "BATCH_GPT_CACHE", value_name = "on|off")]
    pub cache: Option<String>,

    /// How clients that want no stream are held: auto, silent, heartbeat or retry [default: auto]
    #[arg(long, env = "BATCH_GPT_HOLD", value_name = "HOW")]
    pub hold: Option<String>,

    /// Time between two bytes to a client that is held, in seconds [default: 15]
    #[arg(long, env = "BATCH_GPT_HEARTBEAT_SECONDS", value_name = "SECONDS")]
    pub heartbeat_seconds: Option<String>,

    /// A lane's window in milliseconds, counted from its first waiting request [default: 5000]
    #[arg(long, env = "COLLATE_BATCHES_FOR_DURATION_IN_MS", value_name = "MS")]
    pub collate_batches_for_duration_in_ms: Option<String>,

    /// Longest interval between two looks at a batch, in seconds [default: 300]
    #[arg(long, env = "COLLECT_BATCH_STATS_POLLING_MAX_INTERVAL_SECONDS", value_name = "SECONDS")]
    pub collect_batch_stats_polling_max_interval_seconds: Option<String>,

    /// First interval between two looks at a batch, in milliseconds [default: 5000; 500 with --simulate]
    #[arg(long, env = "BATCH_GPT_POLLING_MIN_INTERVAL_MS", value_name = "MS")]
    pub polling_min_interval_ms: Option<String>,

    /// Whole connection string of MongoDB; wins over the MONGO_* set
    #[arg(long, env = "MONGODB_URI", hide_env_values = true, value_name = "URI")]
    pub mongodb_uri: Option<Secret>,

    /// Host of MongoDB; setting any one of the MONGO_* chooses MongoDB [default: localhost]
    #[arg(long, env = "MONGO_HOST", value_name = "HOST")]
    pub mongo_host: Option<String>,

    /// Port of MongoDB [default: 27017]
    #[arg(long, env = "MONGO_PORT", value_name = "PORT")]
    pub mongo_port: Option<String>,

    /// User of MongoDB; empty: no authentication [default: admin]
    #[arg(long, env = "MONGO_USER", value_name = "USER")]
    pub mongo_user: Option<String>,

    /// Password of MongoDB [default: password]
    #[arg(long, env = "MONGO_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    pub mongo_password: Option<Secret>,

    /// Database in MongoDB [default: batchgpt]
    #[arg(long, env = "MONGO_DATABASE", value_name = "NAME")]
    pub mongo_database: Option<String>,

    /// Folder of the embedded store, used when no MongoDB is set; created with mode 0700 [default: ./batch-gpt-data]
    #[arg(long, env = "BATCH_GPT_DATA_DIR", value_name = "FOLDER")]
    pub data_dir: Option<String>,

    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, env = "BATCH_GPT_BIND_ADDRESS", value_name = "ADDRESS")]
    pub bind_address: Option<String>,

    /// PEM file of the listener's certificate and those of its issuers; read again when it changes [default: no TLS]
    #[arg(long, env = "BATCH_GPT_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<String>,

    /// PEM file of the certificate's key
    #[arg(long, env = "BATCH_GPT_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<String>,

    /// NAME:KEY,NAME:KEY — clients must present one; each name is a tenant. Unset: any key is accepted
    #[arg(long, env = "BATCH_GPT_API_KEYS", hide_env_values = true, value_name = "LIST")]
    pub api_keys: Option<Secret>,

    /// The file of keys that `batch-gpt keys` makes; read again when it changes
    #[arg(long, env = "BATCH_GPT_KEYS_FILE", value_name = "FILE")]
    pub keys_file: Option<String>,

    /// Guards /debug and other tenants' batches. Unset: /debug answers loopback peers only
    #[arg(long, env = "BATCH_GPT_ADMIN_KEY", hide_env_values = true, value_name = "KEY")]
    pub admin_key: Option<Secret>,

    /// A file that holds the administrator's key, instead of BATCH_GPT_ADMIN_KEY
    #[arg(long, env = "BATCH_GPT_ADMIN_KEY_FILE", value_name = "FILE")]
    pub admin_key_file: Option<String>,

    /// Wrong keys that one address may present within a minute; above it 429 [default: 60]
    #[arg(long, env = "BATCH_GPT_MAX_WRONG_KEYS_PER_MINUTE", value_name = "N")]
    pub max_wrong_keys_per_minute: Option<String>,

    /// 1: listen beyond loopback although any key is accepted [default: 0]
    #[arg(long, env = "BATCH_GPT_ALLOW_ANONYMOUS", value_name = "0|1")]
    pub allow_anonymous: Option<String>,

    /// Number of Collectors [default: 1]
    #[arg(long, env = "BATCH_GPT_COLLECTORS", value_name = "N")]
    pub collectors: Option<String>,

    /// Number of BatchSubmitters [default: 2]
    #[arg(long, env = "BATCH_GPT_BATCH_SUBMITTERS", value_name = "N")]
    pub batch_submitters: Option<String>,

    /// Number of arbiters that Pollers are spread over [default: 1]
    #[arg(long, env = "BATCH_GPT_POLLER_ARBITERS", value_name = "N")]
    pub poller_arbiters: Option<String>,

    /// Number of StatusLoggers [default: 1]
    #[arg(long, env = "BATCH_GPT_STATUS_LOGGERS", value_name = "N")]
    pub status_loggers: Option<String>,

    /// Most requests of one batch [default: 50000]
    #[arg(long, env = "BATCH_GPT_MAX_BATCH_REQUESTS", value_name = "N")]
    pub max_batch_requests: Option<String>,

    /// Most bytes of one batch [default: 200000000]
    #[arg(long, env = "BATCH_GPT_MAX_BATCH_BYTES", value_name = "BYTES")]
    pub max_batch_bytes: Option<String>,

    /// Most batches created within an hour; the others wait [default: 2000]
    #[arg(long, env = "BATCH_GPT_MAX_BATCHES_PER_HOUR", value_name = "N")]
    pub max_batches_per_hour: Option<String>,

    /// How often one request may be sent upstream before its failure is final [default: 3]
    #[arg(long, env = "BATCH_GPT_MAX_ATTEMPTS", value_name = "N")]
    pub max_attempts: Option<String>,

    /// Most requests accepted and not yet answered; above it clients get 429 [default: 100000]
    #[arg(long, env = "BATCH_GPT_MAX_OPEN_REQUESTS", value_name = "N")]
    pub max_open_requests: Option<String>,

    /// Most open requests of one tenant [default: all that is no other tenant's share]
    #[arg(long, env = "BATCH_GPT_MAX_OPEN_REQUESTS_PER_TENANT", value_name = "N")]
    pub max_open_requests_per_tenant: Option<String>,

    /// Most connections of one address; more are cut off [default: open requests and 4096]
    #[arg(long, env = "BATCH_GPT_MAX_CONNECTIONS_PER_ADDRESS", value_name = "N")]
    pub max_connections_per_address: Option<String>,

    /// Longest time that the head of a connection's first request may take, in seconds [default: 10]
    #[arg(long, env = "BATCH_GPT_HEAD_SECONDS", value_name = "SECONDS")]
    pub head_seconds: Option<String>,

    /// Longest time that a body may take, in seconds, and one more for every 500 bytes of it [default: 20]
    #[arg(long, env = "BATCH_GPT_BODY_SECONDS", value_name = "SECONDS")]
    pub body_seconds: Option<String>,

    /// Largest body of a request; above it clients get 413 [default: 33554432]
    #[arg(long, env = "BATCH_GPT_MAX_BODY_BYTES", value_name = "BYTES")]
    pub max_body_bytes: Option<String>,

    /// Days that bodies of requests are kept after these have ended; 0: for ever [default: 30]
    #[arg(long, env = "BATCH_GPT_KEEP_BODIES_DAYS", value_name = "DAYS")]
    pub keep_bodies_days: Option<String>,

    /// Days that answers are kept, for the cache and for who asks later; 0: for ever [default: 0]
    #[arg(long, env = "BATCH_GPT_KEEP_ANSWERS_DAYS", value_name = "DAYS")]
    pub keep_answers_days: Option<String>,

    /// Days that it is kept which batches and requests there were, and how they went; 0: for ever [default: 0]
    #[arg(long, env = "BATCH_GPT_KEEP_STATUSES_DAYS", value_name = "DAYS")]
    pub keep_statuses_days: Option<String>,

    /// on: a batch's files are removed upstream when every outcome in them is recorded; off: they stay [default: on]
    #[arg(long, env = "BATCH_GPT_DELETE_UPSTREAM_FILES", value_name = "on|off")]
    pub delete_upstream_files: Option<String>,

    /// Days after which a batch's files expire upstream in any case, 3 to 30; 0: as the upstream likes [default: 30]
    #[arg(long, env = "BATCH_GPT_UPSTREAM_FILES_EXPIRE_DAYS", value_name = "DAYS")]
    pub upstream_files_expire_days: Option<String>,

    /// A table of prices of one's own, over the one that comes along
    #[arg(long, env = "BATCH_GPT_PRICES_FILE", value_name = "FILE")]
    pub prices_file: Option<String>,

    /// How the log looks: text or json [default: text]
    #[arg(long, env = "BATCH_GPT_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,

    /// Time for an orderly stop, in seconds [default: 30]
    #[arg(long, env = "BATCH_GPT_DRAIN_SECONDS", value_name = "SECONDS")]
    pub drain_seconds: Option<String>,
}

/// A value that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.into()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
