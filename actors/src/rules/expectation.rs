//! Why a request waits, and how much longer it usually takes.

use super::{
    ids::BatchId,
    lane::Lane,
    stage::Stage,
    tally::Tally,
    time::{Millis, Timestamp},
};

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// The end of its lane's window.
    Window(Timestamp),
    /// Room upstream for its lane.
    Room,
    /// Its way into a batch.
    Submission,
    /// Its batch, which stands there upstream; nothing is known of it before it exists there.
    Batch(Option<&'static str>),
}

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation {
    /// What it waits for.
    pub awaited: Awaited,
    /// How long it has waited.
    pub waited: Millis,
    /// The time within which half of its tenant's requests had their outcome in this life of the gateway; nothing if
    /// none has.
    pub usual: Option<Millis>,
    /// The time within which nine of ten had it.
    pub long: Option<Millis>,
}

impl Expectation {
    /// Of a request of this lane that was accepted at `since`; nothing if it has ended.
    pub fn of(
        tally: &Tally,
        lane: &Lane,
        stage: Stage,
        batch: Option<&BatchId>,
        since: Timestamp,
        now: Timestamp,
    ) -> Option<Self> {
        let awaited = match stage {
            Stage::Queued => queued(tally, lane, now),
            Stage::InBatch => {
                Awaited::Batch(batch.and_then(|id| tally.batch_by_id(id)).map(|batch| batch.word()))
            }
            _ => return None,
        };
        let times = tally.account_of(&lane.tenant).map(|account| account.request_times);
        let quantile = |percent| times.and_then(|times| times.quantile(percent));
        Some(Self { awaited, waited: now.since(since), usual: quantile(50), long: quantile(90) })
    }

    /// How much longer it takes if it is a usual one, or else one of the long ones; nothing if nobody can tell.
    pub fn left(&self) -> Option<Millis> {
        let end = [self.usual, self.long].into_iter().flatten().find(|end| *end > self.waited)?;
        Some(Millis(end.0 - self.waited.0))
    }
}

/// A lane that waits for room keeps back what comes later, too.
fn queued(tally: &Tally, lane: &Lane, now: Timestamp) -> Awaited {
    let lane = tally.lane_of(lane).unwrap_or_default();
    match lane.window {
        _ if lane.counts.waiting > 0 => Awaited::Room,
        Some(ends) if ends > now => Awaited::Window(ends),
        _ => Awaited::Submission,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::rules::{
        fingerprint::Fingerprint,
        ids::{BatchKey, RequestId},
        lane::{Endpoint, Tenant},
        outcome::{Origin, Outcome},
        record::{Accepted, Record},
        terms::Keeping,
        upstream_batch::UpstreamBatch,
    };

    fn lane() -> Arc<Lane> {
        let tenant = Tenant::anonymous();
        Arc::new(Lane { tenant, endpoint: Endpoint::ChatCompletions, model: "m".into() })
    }

    fn accepted(number: u128, at: u64) -> Record {
        let request = Accepted {
            id: RequestId(number),
            lane: lane(),
            fingerprint: Fingerprint([0; 32]),
            at: Timestamp(at),
            attempts: 0,
            keeping: Keeping::default(),
        };
        Record::Accepted { request, body: Bytes::new() }
    }

    fn expected(tally: &Tally, stage: Stage, now: u64) -> Option<Expectation> {
        Expectation::of(tally, &lane(), stage, Some(&"batch_1".into()), Timestamp(1_000), Timestamp(now))
    }

    #[test]
    fn a_queued_request_waits_for_its_window_or_for_room_and_one_in_a_batch_for_that() {
        let mut tally = Tally::default();
        tally.note(&accepted(1, 1_000));
        tally.window(&lane(), Some(Timestamp(6_000)));
        let queued = |tally: &Tally, now| expected(tally, Stage::Queued, now).unwrap().awaited;
        assert_eq!(queued(&tally, 2_000), Awaited::Window(Timestamp(6_000)));
        assert_eq!(queued(&tally, 6_000), Awaited::Submission);
        tally.waits(&lane(), 1);
        assert_eq!(queued(&tally, 2_000), Awaited::Room);
        let in_batch = |tally: &Tally| expected(tally, Stage::InBatch, 2_000).unwrap().awaited;
        assert_eq!(in_batch(&tally), Awaited::Batch(None));
        let key = BatchKey(1);
        let requests = [RequestId(1)].into();
        tally.note(&Record::Sealed { key, lane: lane(), requests, at: Timestamp(3_000) });
        let batch = UpstreamBatch::parse(r#"{"id":"batch_1","status":"in_progress"}"#).unwrap();
        tally.note(&Record::Created { key, batch, at: Timestamp(3_000) });
        assert_eq!(in_batch(&tally), Awaited::Batch(Some("in_progress")));
        for ended in [Stage::Completed, Stage::Failed, Stage::Cancelled, Stage::Withdrawn] {
            assert_eq!(expected(&tally, ended, 2_000), None);
        }
    }

    #[test]
    fn what_is_left_is_told_by_those_that_have_ended() {
        let mut tally = Tally::default();
        tally.note(&accepted(1, 1_000));
        assert_eq!(expected(&tally, Stage::Queued, 2_000).unwrap().left(), None, "none has ended");
        for number in 2..=11 {
            tally.note(&accepted(number, 0));
            let at = Timestamp(if number <= 7 { 4_000 } else { 60_000 });
            let outcome = Outcome { status: 200, body: Bytes::new(), origin: Origin::Upstream };
            let outcomes = [(RequestId(number), outcome)].into();
            tally.note(&Record::Answered { key: BatchKey(1), outcomes, at });
        }
        let after = |waited: u64| expected(&tally, Stage::Queued, 1_000 + waited).unwrap();
        let (usual, long) = (after(0).usual.unwrap(), after(0).long.unwrap());
        assert!(usual <= Millis(4_000) && long > Millis(32_000), "{usual:?} {long:?}");
        assert_eq!(after(1_000).left(), Some(Millis(usual.0 - 1_000)));
        assert_eq!(after(10_000).left(), Some(Millis(long.0 - 10_000)));
        assert_eq!(after(100_000).left(), None, "it takes longer than others");
    }
}
