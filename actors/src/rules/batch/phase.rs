//! Where a batch stands.

use std::sync::Arc;

use crate::rules::{
    ids::FileId,
    leftover::{Leftover, Why},
    outcome::Outcome,
    time::Millis,
    upstream_batch::UpstreamBatch,
};

/// Where a batch stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Its lines are fixed; the record is being written.
    Sealed,
    /// It may be a file upstream: looking.
    FindingFile,
    /// Its lines are on their way up.
    Uploading,
    /// It is a file upstream; the record is being written.
    Uploaded(FileId),
    /// It may be a batch upstream: looking, for the n-th time.
    FindingBatch(FileId, u32),
    /// Its creation is under way.
    Creating(FileId),
    /// It is a batch upstream; the record is being written.
    Created(UpstreamBatch),
    /// The upstream works on it.
    Watching(UpstreamBatch),
    /// The upstream has ended it; its files are being read and its outcomes written.
    Reading(UpstreamBatch),
    /// It will never be executed; its requests are being told this.
    Refusing(Outcome),
    /// It will never be executed; its requests are being collected, to go on without it.
    Returning(Why),
    /// Every request has its outcome or is left over; the record is being written.
    Settling(Option<Arc<Leftover>>),
    /// The end. Nothing changes it.
    Settled,
}

impl Phase {
    /// The phase's name, for people.
    pub fn name(&self) -> &'static str {
        match self {
            Phase::Sealed => "sealed",
            Phase::FindingFile => "finding_file",
            Phase::Uploading => "uploading",
            Phase::Uploaded(_) => "uploaded",
            Phase::FindingBatch(..) => "finding_batch",
            Phase::Creating(_) => "creating",
            Phase::Created(_) => "created",
            Phase::Watching(_) => "watching",
            Phase::Reading(_) => "reading",
            Phase::Refusing(_) => "refusing",
            Phase::Returning(_) => "returning",
            Phase::Settling(_) => "settling",
            Phase::Settled => "settled",
        }
    }

    /// Writing records and telling outcomes cannot be given up, only tried again.
    pub(super) fn must_not_be_given_up(&self) -> bool {
        matches!(
            self,
            Phase::Sealed
                | Phase::Uploaded(_)
                | Phase::Created(_)
                | Phase::Refusing(_)
                | Phase::Returning(_)
                | Phase::Settling(_)
        )
    }

    /// How long a call of this phase may go without a report before it is taken for lost. Calls have shorter
    /// limits of their own; this catches a report that never came.
    pub(super) fn patience(&self) -> Millis {
        match self {
            Phase::Uploading | Phase::Reading(_) | Phase::Refusing(_) => Millis::from_secs(2 * 3600),
            _ => Millis::from_secs(15 * 60),
        }
    }
}
