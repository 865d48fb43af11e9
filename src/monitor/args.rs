//! The command line of `monitor`.

use std::time::Duration;

use clap::Args;

use crate::client::{EXIT_CODES, GatewayArgs};

const KEYS: &str = "\
Keys:
  left right h l tab shift-tab    another tab
  up down k j g G pgup pgdn       another batch
  enter                           all about the batch; esc goes back
  /                               filter by id, status, model, endpoint, metadata
  r                               read everything anew
  ?                               help
  q                               quit";

/// Flags of `monitor`.
#[derive(Debug, Args)]
#[command(after_help = format!("{KEYS}\n\n{EXIT_CODES}"))]
pub struct MonitorArgs {
    /// Which gateway.
    #[command(flatten)]
    pub gateway: GatewayArgs,
    /// Print the state once as plain text, and exit
    #[arg(long)]
    pub once: bool,
    /// Time between two looks at the gateway, 0.1 to 3600
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub interval: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if (0.1..=3_600.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("not from 0.1 to 3600".into())
    }
}
