//! Faults ordered one by one.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::fault::Fault;
use crate::operation::Operation;

/// A fault to be met by certain calls, as `POST /simulator/faults` takes it.
///
/// On the command line it is `operation=fault`, `operation=fault:times` or `operation=fault:times:after`, with
/// `*` for unlimited times; other members follow as `:name=value`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultOrder {
    /// The calls it concerns.
    #[serde(default = "any")]
    pub operation: Operation,
    /// What happens to them.
    pub fault: Fault,
    /// How many calls still meet it; null: all, until it is cleared.
    #[serde(default = "once")]
    pub times: Option<u64>,
    /// How many calls are spared first.
    #[serde(default)]
    pub after: u64,
    /// Whether the call has its effect before it is answered with an error status or with silence. Otherwise
    /// only faults that spoil the answer let it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub committed: bool,
    /// Seconds in the `Retry-After` header of an error status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// The `retry-after-ms` header of an error status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The `x-should-retry` header of an error status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub should_retry: Option<bool>,
    /// Bytes after which an answer is cut, or that trickle at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
    /// Milliseconds an answer is late, pauses between two trickles, or hangs; on the virtual clock, those a
    /// batch is stuck.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// The `code` of the error with which a batch fails (contract, section 2.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The message of that error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The parameter that error names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
    /// The line that error names, counted from 1; none if it concerns the batch as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

fn any() -> Operation {
    Operation::Any
}

fn once() -> Option<u64> {
    Some(1)
}

impl FaultOrder {
    /// An order for one call, with everything else at its default.
    pub fn once(operation: Operation, fault: Fault) -> FaultOrder {
        FaultOrder {
            operation,
            fault,
            times: once(),
            after: 0,
            committed: false,
            retry_after: None,
            retry_after_ms: None,
            should_retry: None,
            bytes: None,
            ms: None,
            code: None,
            message: None,
            param: None,
            line: None,
        }
    }

    /// Whether any call can ever meet it.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !self.fault.can_meet(self.operation) {
            return Err(format!("no {} call can meet {}", self.operation, self.fault));
        }
        let described =
            self.code.is_some() || self.message.is_some() || self.param.is_some() || self.line.is_some();
        if described && self.fault != Fault::BatchFails {
            return Err(format!("{} has no code, message, param or line", self.fault));
        }
        Ok(())
    }
}

impl FromStr for FaultOrder {
    type Err = String;

    fn from_str(text: &str) -> Result<FaultOrder, String> {
        let (operation, rest) = text
            .split_once('=')
            .ok_or_else(|| format!("'{text}' is not operation=fault[:times[:after]][:member=value]"))?;
        let mut parts = rest.split(':');
        let mut members = Map::new();
        members.insert("operation".to_owned(), operation.into());
        members.insert("fault".to_owned(), parts.next().into());
        let mut positions = ["times", "after"].into_iter();
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (Some(name), value),
                None => (positions.next(), part),
            };
            let name = name.ok_or_else(|| format!("'{text}' has more than operation=fault:times:after"))?;
            members.insert(name.to_owned(), value_of(value));
        }
        let order: FaultOrder =
            serde_json::from_value(members.into()).map_err(|cause| format!("'{text}': {cause}"))?;
        order.check().map(|()| order)
    }
}

/// The star that stands for no limit, or JSON, or else a string.
fn value_of(text: &str) -> Value {
    if text == "*" { Value::Null } else { serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)) }
}
