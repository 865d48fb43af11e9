//! What can go wrong with a call or with a batch.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::operation::Operation;

/// A kind of fault (contract, section 7A, cases 63 to 72, 75 and 76). Its name in JSON and on the command line is
/// the variant's in snake case; a status is `status_` and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Fault {
    /// The connection is closed before the call has any effect.
    RequestLost,
    /// The call has its effect, then the connection is closed without an answer.
    AnswerLost,
    /// An error status, 400 to 599, instead of the answer; 502 comes with a page of HTML.
    Status(u16),
    /// 429 with code `insufficient_quota`, which no waiting heals.
    QuotaExhausted,
    /// 400 with code `billing_hard_limit_reached`.
    BillingLimit,
    /// The answer breaks off, with a `Content-Length` that promised the whole.
    Cut,
    /// The answer breaks off in chunked encoding.
    CutChunked,
    /// The answer ends early and nothing in it says so: its `Content-Length` is that of the part.
    Short,
    /// The same in chunked encoding, properly terminated.
    ShortChunked,
    /// The answer begins late.
    SlowHeaders,
    /// The answer comes a few bytes at a time.
    Trickle,
    /// There is no answer, and the connection stays open for long.
    Hang,
    /// A batch is shown in the state before its present one, as a replica that lags would.
    StaleStatus,
    /// The batch fails because its input file, which exists, cannot be found.
    CannotFindFile,
    /// The batch fails as a whole, for no reason that lies in its lines.
    BatchFails,
    /// The batch expires when half of its lines are executed.
    BatchExpires,
    /// The batch cannot be retrieved for a while after its creation.
    LateBatch,
    /// The content of the batch's result files cannot be read for a while after its end.
    LateContent,
    /// The batch stays long in `finalizing`.
    StuckFinalizing,
    /// The batch reports all its lines as completed, whatever came of them.
    CountsLie,
    /// The batch names an error file that is empty if none of its lines failed.
    ZeroByteErrorFile,
    /// The event about the end of the batch is delivered twice.
    WebhookTwice,
    /// That event is not delivered.
    WebhookLost,
    /// That event is not signed with the receiver's secret.
    WebhookForged,
}

/// Where in the handling of a call a fault takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// On the way to or from any call.
    Call,
    /// When a batch is created, for the rest of its life.
    Creation,
    /// When a batch is shown.
    View,
}

/// What goes wrong with calls at random if nothing else is asked for: everything that passes quickly.
pub(crate) const ORDINARY: [Fault; 8] = [
    Fault::RequestLost,
    Fault::AnswerLost,
    Fault::Status(429),
    Fault::Status(500),
    Fault::Status(502),
    Fault::Status(503),
    Fault::Status(504),
    Fault::Cut,
];

const NAMED: [(Fault, &str); 23] = [
    (Fault::RequestLost, "request_lost"),
    (Fault::AnswerLost, "answer_lost"),
    (Fault::QuotaExhausted, "quota_exhausted"),
    (Fault::BillingLimit, "billing_limit"),
    (Fault::Cut, "cut"),
    (Fault::CutChunked, "cut_chunked"),
    (Fault::Short, "short"),
    (Fault::ShortChunked, "short_chunked"),
    (Fault::SlowHeaders, "slow_headers"),
    (Fault::Trickle, "trickle"),
    (Fault::Hang, "hang"),
    (Fault::StaleStatus, "stale_status"),
    (Fault::CannotFindFile, "cannot_find_file"),
    (Fault::BatchFails, "batch_fails"),
    (Fault::BatchExpires, "batch_expires"),
    (Fault::LateBatch, "late_batch"),
    (Fault::LateContent, "late_content"),
    (Fault::StuckFinalizing, "stuck_finalizing"),
    (Fault::CountsLie, "counts_lie"),
    (Fault::ZeroByteErrorFile, "zero_byte_error_file"),
    (Fault::WebhookTwice, "webhook_twice"),
    (Fault::WebhookLost, "webhook_lost"),
    (Fault::WebhookForged, "webhook_forged"),
];

impl Fault {
    pub(crate) fn stage(self) -> Stage {
        match self {
            Fault::StaleStatus => Stage::View,
            Fault::CannotFindFile
            | Fault::BatchFails
            | Fault::BatchExpires
            | Fault::LateBatch
            | Fault::LateContent
            | Fault::StuckFinalizing
            | Fault::CountsLie
            | Fault::ZeroByteErrorFile
            | Fault::WebhookTwice
            | Fault::WebhookLost
            | Fault::WebhookForged => Stage::Creation,
            _ => Stage::Call,
        }
    }

    /// Whether the fault can ever meet a call of `operation`.
    pub(crate) fn can_meet(self, operation: Operation) -> bool {
        match self.stage() {
            Stage::Call => true,
            Stage::Creation => operation.covers(Operation::CreateBatch),
            Stage::View => operation.covers(Operation::RetrieveBatch),
        }
    }

    /// Whether the call has its effect although its answer is spoilt, unless an order says otherwise.
    pub(crate) fn lets_work(self) -> bool {
        matches!(
            self,
            Fault::AnswerLost
                | Fault::Cut
                | Fault::CutChunked
                | Fault::Short
                | Fault::ShortChunked
                | Fault::SlowHeaders
                | Fault::Trickle
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Fault::Status(status) = self {
            return write!(f, "status_{status}");
        }
        let name = NAMED.iter().find(|(fault, _)| fault == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Fault, String> {
        let status = text.strip_prefix("status_").and_then(|digits| digits.parse().ok());
        if let Some(status) = status.filter(|status| (400..=599).contains(status)) {
            return Ok(Fault::Status(status));
        }
        let named = NAMED.iter().find(|(_, name)| *name == text);
        named.map(|(fault, _)| *fault).ok_or_else(|| format!("there is no fault '{text}'"))
    }
}

impl TryFrom<String> for Fault {
    type Error = String;

    fn try_from(text: String) -> Result<Fault, String> {
        text.parse()
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> String {
        fault.to_string()
    }
}
