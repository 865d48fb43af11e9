//! What a batch went through, and how long each part took.

use batch_gpt_actors::rules::upstream_batch::BatchStatus;

use super::Batch;

/// A part of a batch's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// The status.
    pub status: BatchStatus,
    /// When it began, in seconds since 1970.
    pub at: u64,
    /// How long it lasted, in seconds, or lasts by now; `None` for the end.
    pub lasted: Option<u64>,
    /// Whether it still lasts.
    pub is_on: bool,
}

/// In this order a batch can pass through them (contract, section 2).
const ORDER: [BatchStatus; 8] = [
    BatchStatus::Validating,
    BatchStatus::InProgress,
    BatchStatus::Finalizing,
    BatchStatus::Cancelling,
    BatchStatus::Completed,
    BatchStatus::Failed,
    BatchStatus::Expired,
    BatchStatus::Cancelled,
];

/// The stages of a batch that the upstream gave a time for, in their order.
pub fn timeline(batch: &Batch, now: u64) -> Vec<Stage> {
    let mut begun: Vec<(BatchStatus, u64)> =
        ORDER.iter().filter_map(|status| Some((*status, batch.reached(*status)?))).collect();
    // Times are whole seconds, so what happens within one keeps the order above.
    begun.sort_by_key(|(_, at)| *at);
    let next = begun.iter().skip(1).map(|(_, at)| Some(*at)).chain([None]);
    let stages = begun.iter().zip(next).map(|(&(status, at), next)| {
        let is_on = next.is_none() && batch.is_running();
        let until = if is_on { Some(now) } else { next };
        Stage { status, at, lasted: until.map(|until| until.saturating_sub(at)), is_on }
    });
    stages.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages(json: &str) -> Vec<(BatchStatus, u64, Option<u64>, bool)> {
        let stages = timeline(&Batch::parse(json).unwrap(), 1_000);
        stages.iter().map(|stage| (stage.status, stage.at, stage.lasted, stage.is_on)).collect()
    }

    #[test]
    fn the_last_stage_of_a_running_batch_goes_on() {
        let batch = r#"{"id":"b","status":"in_progress","created_at":900,"in_progress_at":940}"#;
        let expected =
            [(BatchStatus::Validating, 900, Some(40), false), (BatchStatus::InProgress, 940, Some(60), true)];
        assert_eq!(stages(batch), expected);
    }

    #[test]
    fn a_cancelled_batch_ends_with_its_cancellation() {
        let batch = r#"{"id":"b","status":"cancelled","created_at":900,"in_progress_at":900,"cancelling_at":910,
            "cancelled_at":915,"completed_at":null}"#;
        let expected = [
            (BatchStatus::Validating, 900, Some(0), false),
            (BatchStatus::InProgress, 900, Some(10), false),
            (BatchStatus::Cancelling, 910, Some(5), false),
            (BatchStatus::Cancelled, 915, None, false),
        ];
        assert_eq!(stages(batch), expected);
    }
}
