//! What a simulator is started with.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::faults::Faults;
use crate::knobs::Knobs;
use crate::order::FaultOrder;
use crate::webhook::Webhooks;

/// Everything a [`Simulator`](crate::Simulator) needs to start.
#[derive(Clone)]
pub struct Settings {
    /// Address to listen on; port 0 lets the system choose a free one.
    pub bind: SocketAddr,
    /// Accepted bearer keys. Empty: any key is accepted and all callers share one project. Otherwise each key
    /// is a project of its own that cannot see the others' files and batches (contract, case 61).
    pub keys: Vec<String>,
    /// How long each stage of a batch lasts.
    pub timing: Timing,
    /// Sizes and rates beyond which the simulator refuses.
    pub limits: Limits,
    /// Deviations from the usual behaviour.
    pub knobs: Knobs,
    /// What goes wrong by chance and by the clock.
    pub faults: Faults,
    /// Who is told when batches end.
    pub webhooks: Webhooks,
    /// What goes wrong on order, from the start.
    pub fault_orders: Vec<FaultOrder>,
    /// Determines ids, the order of result lines and every random choice.
    pub seed: u64,
    /// Number of HTTP worker threads, at least 1.
    pub workers: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            keys: Vec::new(),
            timing: Timing::default(),
            limits: Limits::default(),
            knobs: Knobs::default(),
            faults: Faults::default(),
            webhooks: Webhooks::default(),
            fault_orders: Vec::new(),
            seed: 1,
            workers: 1,
        }
    }
}

impl fmt::Debug for Settings {
    /// Shows how many keys there are, never the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("bind", &self.bind)
            .field("keys", &self.keys.len())
            .field("timing", &self.timing)
            .field("limits", &self.limits)
            .field("knobs", &self.knobs)
            .field("faults", &self.faults)
            .field("webhooks", &self.webhooks)
            .field("fault_orders", &self.fault_orders)
            .field("seed", &self.seed)
            .field("workers", &self.workers)
            .finish()
    }
}

/// How long a batch stays in each stage, measured on the virtual clock. As JSON: whole milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// From creation to the verdict on the input file.
    #[serde(with = "millis", rename = "validating_ms")]
    pub validating: Duration,
    /// From the verdict to the last executed line, whatever the number of lines.
    #[serde(with = "millis", rename = "per_batch_ms")]
    pub per_batch: Duration,
    /// From the last executed line to the availability of the result files.
    #[serde(with = "millis", rename = "finalizing_ms")]
    pub finalizing: Duration,
    /// From the cancel call to the `cancelled` state.
    #[serde(with = "millis", rename = "cancelling_ms")]
    pub cancelling: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            validating: Duration::from_millis(200),
            per_batch: Duration::from_millis(800),
            finalizing: Duration::from_millis(100),
            cancelling: Duration::from_millis(200),
        }
    }
}

/// Sizes and rates beyond which the simulator refuses (contract, sections 1.1 and 3.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Lines in one input file.
    pub max_requests: usize,
    /// Bytes in one input file; a larger one is refused when a batch is created from it.
    pub max_bytes: u64,
    /// Bytes in any uploaded file; a larger one is refused at upload with 413.
    pub max_upload_bytes: u64,
    /// Batch creations in any 3600 seconds of the virtual clock.
    pub creations_per_hour: usize,
    /// Prompt tokens that may be queued or running per model; `None` for no limit.
    pub enqueued_tokens: Option<u64>,
    /// The same for single models, instead of [`Limits::enqueued_tokens`].
    pub enqueued_tokens_by_model: BTreeMap<String, u64>,
    /// Inputs in all embedding lines of one file together.
    pub max_embedding_inputs: usize,
    /// Entries listed in the `errors` of a failed batch; the rest is dropped.
    pub max_listed_errors: usize,
    /// Seconds from creation to expiry of a batch.
    pub window_seconds: u64,
    /// Seconds for which a batch can still be read after it ended; `None` for ever.
    pub batch_retention_seconds: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_requests: 50_000,
            max_bytes: 200_000_000,
            max_upload_bytes: 512 * 1024 * 1024,
            creations_per_hour: 2_000,
            enqueued_tokens: None,
            enqueued_tokens_by_model: BTreeMap::new(),
            max_embedding_inputs: 50_000,
            max_listed_errors: 100,
            window_seconds: 86_400,
            batch_retention_seconds: None,
        }
    }
}

impl Limits {
    /// Prompt tokens of `model` that may be queued or running; none for no limit.
    pub(crate) fn enqueued_tokens_of(&self, model: &str) -> Option<u64> {
        self.enqueued_tokens_by_model.get(model).copied().or(self.enqueued_tokens)
    }
}

mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
