//! The settings that may change while the simulator runs.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::faults::Faults;
use crate::knobs::Knobs;
use crate::settings::{Limits, Timing};
use crate::webhook::Webhooks;

/// Everything `POST /simulator/settings` and `--set` can reach.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Adjustable {
    pub(crate) timing: Timing,
    pub(crate) limits: Limits,
    pub(crate) knobs: Knobs,
    pub(crate) faults: Faults,
    pub(crate) webhooks: Webhooks,
}

impl Adjustable {
    /// The settings with those members replaced that the patch names, unless the result has no meaning.
    pub(crate) fn patched(&self, patch: Value) -> Result<Adjustable, String> {
        let invalid = |cause: serde_json::Error| cause.to_string();
        let mut merged = serde_json::to_value(self).map_err(invalid)?;
        merge(&mut merged, patch);
        let adjusted: Adjustable = serde_json::from_value(merged).map_err(invalid)?;
        if let Some(body) = &adjusted.knobs.canned_body {
            serde_json::from_str::<IgnoredAny>(body).map_err(invalid)?;
        }
        adjusted.faults.check()?;
        adjusted.webhooks.check()?;
        Ok(adjusted)
    }
}

/// Replaces the members the patch names, at any depth. A null is a value, as some settings can be null.
fn merge(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (name, value) in patch {
                merge(target.entry(name).or_insert(Value::Null), value);
            }
        }
        (target, patch) => *target = patch,
    }
}
