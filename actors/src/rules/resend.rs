//! How requests go on that their batch gave back.
//!
//! Nobody waits for a stranger's mistake, so what others are to blame for costs a request none of its sendings. Each
//! such way has a bound of its own instead, lest a batch that cannot go well is made for ever.

use std::collections::HashMap;

use super::{
    hold::Turn,
    ids::BatchKey,
    leftover::{Leftover, Why},
    outcome::Outcome,
    refusal,
    time::Millis,
};

/// How often a batch is made again that was refused for a passing reason.
const PASSING: u32 = 8;
/// First pause before such a batch is made again; it doubles each time.
const PAUSE: Millis = Millis(500);
/// How often the batches that come from one are halved, to find lines that are to blame. One such line among 50,000
/// takes sixteen.
const SPLITS: u32 = 64;

/// Where a batch comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lineage {
    /// The batch that was halved first, if this one is a part of it.
    pub origin: Option<BatchKey>,
    /// How often its requests were refused together for a passing reason.
    pub passing: u32,
    /// Its turn among the lots of its model.
    pub turn: Turn,
}

impl Lineage {
    /// The lineage of a lane that has just been sealed.
    pub fn new(turn: Turn) -> Self {
        Self { turn, ..Self::default() }
    }

    fn once_more(self) -> Self {
        Self { passing: self.passing + 1, ..self }
    }
}

/// How requests go on.
#[derive(Debug, Clone, PartialEq)]
pub enum Onward {
    /// Into their lane, as if they had just come.
    Lane,
    /// As a batch of their own, after a pause.
    Again(Lineage, Millis),
    /// As soon as there is room for their model; with the limit, if it is known, and what they get if they never fit.
    Hold(Option<u64>, Outcome),
    /// As two batches of one half each.
    Halves(Lineage),
    /// Not at all: this is their end.
    Answer(Outcome),
}

/// The batches that come from one that was halved.
#[derive(Debug, Clone, Copy)]
struct Family {
    splits: u32,
    living: u32,
}

/// How far the search for lines that are to blame has come, by the batch it began with.
#[derive(Debug, Clone, Default)]
pub struct Families(HashMap<BatchKey, Family>);

impl Families {
    /// Decides how what a batch left over goes on.
    pub fn decide(&mut self, key: BatchKey, leftover: &Leftover, lineage: Lineage) -> Onward {
        match &leftover.why {
            Why::Failed => Onward::Lane,
            Why::Neighbours => Onward::Again(lineage, Millis(0)),
            Why::Enqueued(limit, error) => Onward::Hold(*limit, refusal::blame(error)),
            Why::Passing(error) if lineage.passing >= PASSING => Onward::Answer(refusal::refused(error)),
            Why::Passing(_) => again(lineage),
            // A single request need not be to blame: the upstream may just have stumbled over its batch.
            Why::Unexplained(_) if leftover.requests.len() < 2 && lineage.passing == 0 => again(lineage),
            Why::Unexplained(error) if leftover.requests.len() < 2 => Onward::Answer(refusal::blame(error)),
            Why::Unexplained(error) => {
                let origin = lineage.origin.unwrap_or(key);
                let family = self.0.entry(origin).or_insert(Family { splits: 0, living: 0 });
                if family.splits >= SPLITS {
                    return Onward::Answer(refusal::refused(error));
                }
                family.splits += 1;
                Onward::Halves(Lineage { origin: Some(origin), ..lineage })
            }
        }
    }

    /// A batch of this lineage is to be made.
    pub fn joins(&mut self, lineage: Lineage) {
        if let Some(family) = lineage.origin.and_then(|origin| self.0.get_mut(&origin)) {
            family.living += 1;
        }
    }

    /// A batch of this lineage has ended, and what it left over has been seen to.
    pub fn leaves(&mut self, lineage: Lineage) {
        let Some(origin) = lineage.origin else { return };
        if let Some(family) = self.0.get_mut(&origin) {
            family.living = family.living.saturating_sub(1);
            if family.living == 0 {
                self.0.remove(&origin);
            }
        }
    }
}

fn again(lineage: Lineage) -> Onward {
    let pause = Millis(PAUSE.0 << lineage.passing.min(PASSING));
    Onward::Again(lineage.once_more(), pause)
}
