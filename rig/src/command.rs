//! Commands that see nothing of a developer's own gateway.

use std::{env, ffi::OsStr, process::Command};

/// Variables that a developer may have set for a gateway of their own, and that must not reach the tests.
const FOREIGN: [&str; 7] = [
    "BATCH_GPT_",
    "CLIENT_SERVING_MODE",
    "COLLATE_BATCHES_",
    "COLLECT_BATCH_",
    "CREDENTIALS_DIRECTORY",
    "MONGO",
    "OPENAI_",
];

/// A command that sees nothing of the developer's own gateway, and reaches this machine without a proxy.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if FOREIGN.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
        .envs(pools())
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .env_remove("RUST_LOG")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// `BATCH_GPT_TEST_POOLS` is how many actors every gateway has of each kind that is pooled.
pub fn pools() -> impl Iterator<Item = (&'static str, String)> {
    let pooled = [
        "BATCH_GPT_COLLECTORS",
        "BATCH_GPT_BATCH_SUBMITTERS",
        "BATCH_GPT_POLLER_ARBITERS",
        "BATCH_GPT_STATUS_LOGGERS",
    ];
    let size = env::var("BATCH_GPT_TEST_POOLS").ok();
    size.into_iter().flat_map(move |size| pooled.map(|name| (name, size.clone())))
}
