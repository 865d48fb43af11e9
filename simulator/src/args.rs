//! The command line of the simulator.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use crate::adjustable::Adjustable;
use crate::fault::Fault;
use crate::faults::Faults;
use crate::order::FaultOrder;
use crate::settings::{Settings, Timing};
use crate::switch::Switch;
use crate::webhook::Webhooks;

/// Flags of the `simulate` command; each can also be given as an environment variable.
#[derive(Args, Clone)]
pub struct SimulateArgs {
    /// Address to listen on; port 0 picks a free one.
    #[arg(long, env = "BATCH_GPT_SIMULATE_BIND", default_value = "127.0.0.1:8090")]
    pub bind: SocketAddr,

    /// Seed of ids, result order and random choices.
    #[arg(long, env = "BATCH_GPT_SIMULATE_SEED", default_value_t = 1)]
    pub seed: u64,

    /// Milliseconds a batch spends validating.
    #[arg(long, env = "BATCH_GPT_SIMULATE_VALIDATING_MS", default_value_t = 200)]
    pub validating_ms: u64,

    /// Milliseconds a batch spends in progress.
    #[arg(long, env = "BATCH_GPT_SIMULATE_PER_BATCH_MS", default_value_t = 800)]
    pub per_batch_ms: u64,

    /// Milliseconds a batch spends finalizing.
    #[arg(long, env = "BATCH_GPT_SIMULATE_FINALIZING_MS", default_value_t = 100)]
    pub finalizing_ms: u64,

    /// Milliseconds from a cancel call to the cancelled state.
    #[arg(long, env = "BATCH_GPT_SIMULATE_CANCELLING_MS", default_value_t = 200)]
    pub cancelling_ms: u64,

    /// Accepted API keys, separated by commas, each its own project; none accepts any key.
    #[arg(long, env = "BATCH_GPT_SIMULATE_KEYS", value_delimiter = ',', hide_env_values = true)]
    pub keys: Vec<String>,

    /// Share of calls, 0 to 1, that meet a fault.
    #[arg(long, env = "BATCH_GPT_SIMULATE_FAULT_RATE", default_value_t = 0.0, value_parser = share)]
    pub fault_rate: f64,

    /// Kinds of fault that share meets, separated by commas; none means the usual ones.
    #[arg(long, env = "BATCH_GPT_SIMULATE_FAULT_KINDS", value_delimiter = ',')]
    pub fault_kinds: Vec<Fault>,

    /// A fault on order, as operation=fault[:times[:after]][:member=value] such as create_batch=answer_lost:1 or
    /// upload_file=status_429:retry_after=7; can be repeated.
    #[arg(long = "fault", env = "BATCH_GPT_SIMULATE_FAULTS", value_delimiter = ',', value_name = "FAULT")]
    pub faults: Vec<FaultOrder>,

    /// Share of lines, 0 to 1, whose result is faulty.
    #[arg(long, env = "BATCH_GPT_SIMULATE_LINE_FAULT_RATE", default_value_t = 0.0, value_parser = share)]
    pub line_fault_rate: f64,

    /// Share of batches, 0 to 1, that expire half done.
    #[arg(long, env = "BATCH_GPT_SIMULATE_EXPIRE_RATE", default_value_t = 0.0, value_parser = share)]
    pub expire_rate: f64,

    /// Share of batches, 0 to 1, that fail as a whole.
    #[arg(long, env = "BATCH_GPT_SIMULATE_FAIL_RATE", default_value_t = 0.0, value_parser = share)]
    pub fail_rate: f64,

    /// Where to send an event when a batch ends: http:// and a loopback address.
    #[arg(long, env = "BATCH_GPT_SIMULATE_WEBHOOK_URL")]
    pub webhook_url: Option<String>,

    /// Any other setting by its path, as section.member=value such as limits.enqueued_tokens=1000; can be
    /// repeated, or separated by semicolons.
    #[arg(long = "set", env = "BATCH_GPT_SIMULATE_SET", value_delimiter = ';', value_name = "SETTING")]
    pub switches: Vec<Switch>,

    /// Number of HTTP worker threads.
    #[arg(long, env = "BATCH_GPT_SIMULATE_WORKERS", default_value_t = 1)]
    pub workers: usize,
}

impl SimulateArgs {
    /// The settings these flags ask for; a single setting given by its path wins over the other flags.
    pub fn settings(&self) -> Settings {
        let flagged = self.adjustable();
        let adjusted = self.switches.iter().fold(flagged, |settings, switch| switch.turn(settings));
        Settings {
            bind: self.bind,
            keys: self.keys.iter().filter(|key| !key.is_empty()).cloned().collect(),
            timing: adjusted.timing,
            limits: adjusted.limits,
            knobs: adjusted.knobs,
            faults: adjusted.faults,
            webhooks: adjusted.webhooks,
            fault_orders: self.faults.clone(),
            seed: self.seed,
            workers: self.workers,
        }
    }

    fn adjustable(&self) -> Adjustable {
        Adjustable {
            timing: Timing {
                validating: Duration::from_millis(self.validating_ms),
                per_batch: Duration::from_millis(self.per_batch_ms),
                finalizing: Duration::from_millis(self.finalizing_ms),
                cancelling: Duration::from_millis(self.cancelling_ms),
            },
            faults: Faults {
                rate: self.fault_rate,
                kinds: self.fault_kinds.clone(),
                line_fault_rate: self.line_fault_rate,
                expire_rate: self.expire_rate,
                fail_rate: self.fail_rate,
                ..Faults::default()
            },
            webhooks: Webhooks { url: self.webhook_url.clone(), ..Webhooks::default() },
            ..Adjustable::default()
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|cause| format!("{cause}"))?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("a share lies between 0 and 1".to_owned()) }
}

impl fmt::Debug for SimulateArgs {
    /// Goes through the settings, which keep the keys to themselves.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings().fmt(f)
    }
}
