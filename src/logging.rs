//! The log: a line for people, or an object for programs.

use std::{io::Write, str::FromStr};

use env_logger::{Builder, Env};
use serde_json::json;

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line: `time`, `level`, `target`, `message`.
    Json,
}

/// What is no format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("text or json is allowed")]
pub struct NoFormat;

impl FromStr for LogFormat {
    type Err = NoFormat;

    fn from_str(text: &str) -> Result<Self, NoFormat> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(NoFormat),
        }
    }
}

/// Starts the log on standard error. `RUST_LOG` says how much is logged, `level` what is if it does not.
pub fn start(format: LogFormat, level: &str) {
    let mut builder = Builder::from_env(Env::default().default_filter_or(level));
    builder.format_timestamp_millis();
    if format == LogFormat::Json {
        builder.format(|line, record| {
            let object = json!({
                "time": line.timestamp_millis().to_string(),
                "level": record.level().as_str(),
                "target": record.target(),
                "message": record.args().to_string(),
            });
            writeln!(line, "{object}")
        });
    }
    builder.init();
}
