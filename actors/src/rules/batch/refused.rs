//! What an upstream's refusal, or its silence, means for the requests of a batch.

use super::Phase;
use crate::rules::{
    fault::Fault,
    leftover::Why,
    outcome::{ApiError, Outcome},
    refusal::{self, Cause},
    time::{Millis, Timestamp},
    upstream_batch::UpstreamBatch,
};

/// After so long a batch has had its time: the completion window, and an hour for the upstream to say so.
const OVERDUE: Millis = Millis::from_secs(25 * 3600);

/// How long ago a batch should have ended. The upstream's own clock counts, unless it is ahead of ours.
pub(super) fn overtime(sealed_at: Timestamp, seen: &UpstreamBatch, now: Timestamp) -> Option<Millis> {
    let created = Timestamp(seen.created_at.saturating_mul(1000));
    let began = if created <= now { created.max(sealed_at) } else { sealed_at };
    let deadline = began + OVERDUE;
    (now >= deadline).then(|| now.since(deadline))
}

/// Why the requests may go on in other batches, if the upstream refuses to take this one.
pub(super) fn given_back(phase: &Phase, fault: &Fault) -> Option<Why> {
    let Fault::Permanent { status, error } = fault else {
        return None;
    };
    match (phase, refusal::cause(error)) {
        (_, _) if [401, 403].contains(status) => None,
        (Phase::Creating(_), Cause::Enqueued(limit)) => Some(Why::Enqueued(limit, error.clone())),
        (Phase::Creating(_), Cause::FileNotFound) => Some(Why::Passing(error.clone())),
        (Phase::Uploading | Phase::Creating(_), Cause::TooLarge) => Some(Why::Unexplained(error.clone())),
        (Phase::Uploading | Phase::Creating(_), _) if *status == 413 => Some(Why::Unexplained(error.clone())),
        _ => None,
    }
}

/// What clients of a batch that cannot be submitted are told. The upstream's 401 and 403 speak of the gateway's
/// key, not of the client's, and become a 502.
pub(super) fn refusal_of(fault: &Fault) -> Outcome {
    match fault {
        Fault::Permanent { status: 401 | 403, .. } => {
            let message = "The gateway's own credentials were refused upstream.";
            let error = ApiError::new("server_error", Some("upstream_credentials_refused"), message);
            Outcome::gateway(502, &error)
        }
        Fault::Permanent { status, error } if (400..500).contains(status) && ![408, 409].contains(status) => {
            Outcome::gateway(*status, error)
        }
        _ => unreachable(fault),
    }
}

/// What clients are told when nothing useful comes from the upstream any more.
pub(super) fn unreachable(fault: &Fault) -> Outcome {
    let message = format!("The upstream could not be made to answer for the batch: {fault}");
    Outcome::gateway(502, &ApiError::new("server_error", Some("upstream_unavailable"), message))
}

/// What clients of a batch are told that neither ends nor can be cancelled. Its lines may have been executed, so they
/// are not sent again.
pub(super) fn overdue(batch: &UpstreamBatch) -> Outcome {
    let message =
        format!("Batch {} is over its time and does not end ({}).", batch.id, batch.status.as_str());
    Outcome::gateway(504, &ApiError::new("server_error", Some("batch_overdue"), message))
}
