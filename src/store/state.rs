//! States of a request, as every store writes them down.

use batch_gpt_actors::rules::stage::Stage;

/// Accepted, in no batch.
pub(super) const OPEN: i32 = 0;
/// A line of a batch, without an outcome.
pub(super) const SEALED: i32 = 1;
/// Has its outcome. Whatever is below still wants one.
pub(super) const ANSWERED: i32 = 2;
/// Dropped before it was in a batch.
pub(super) const WITHDRAWN: i32 = 3;
/// It ended, nobody gets its outcome any more, and what is still kept of it is to be removed.
pub(super) const PURGED: i32 = 4;
/// It ended, and its outcome is removed.
pub(super) const EMPTIED: i32 = 5;

/// How a request ended, if not well; nothing is written down for one that was answered well or has not ended.
pub(super) mod fate {
    use batch_gpt_actors::rules::stage::Stage;

    /// With an error.
    pub(in crate::store) const FAILED: i32 = 1;
    /// By a cancellation.
    pub(in crate::store) const CANCELLED: i32 = 2;
    /// Unsent, because its client left.
    pub(in crate::store) const WITHDRAWN: i32 = 3;

    /// What is written down for a stage.
    pub(in crate::store) fn of(stage: Stage) -> Option<i32> {
        match stage {
            Stage::Queued | Stage::InBatch | Stage::Completed => None,
            Stage::Failed => Some(FAILED),
            Stage::Cancelled => Some(CANCELLED),
            Stage::Withdrawn => Some(WITHDRAWN),
        }
    }
}

/// The stage that a state and a fate come to; nothing if they make no sense.
pub(super) fn stage(state: i32, fate: Option<i32>) -> Option<Stage> {
    match (state, fate) {
        (OPEN, None) => Some(Stage::Queued),
        (SEALED, None) => Some(Stage::InBatch),
        (ANSWERED, None) => Some(Stage::Completed),
        (ANSWERED, Some(fate::FAILED)) => Some(Stage::Failed),
        (ANSWERED, Some(fate::CANCELLED)) => Some(Stage::Cancelled),
        (WITHDRAWN, _) => Some(Stage::Withdrawn),
        (PURGED | EMPTIED, None) => Some(Stage::Completed),
        (PURGED | EMPTIED, Some(fate::FAILED)) => Some(Stage::Failed),
        (PURGED | EMPTIED, Some(fate::CANCELLED)) => Some(Stage::Cancelled),
        (PURGED | EMPTIED, Some(fate::WITHDRAWN)) => Some(Stage::Withdrawn),
        _ => None,
    }
}
