//! The pace that the upstream imposes on all calls of one kind together.
//!
//! A limit that one call meets holds for all of them: ten thousand batches must not each find out for themselves.

use super::{
    fault::Fault,
    retry::{self, LONGEST_OBEDIENCE, Next},
    time::{Millis, Timestamp},
};

/// Whether calls of one kind may be made now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pace {
    until: Timestamp,
    /// Limits met in a row, each after the pause of the one before.
    streak: u32,
}

impl Pace {
    /// How long to hold a call back; nothing if it may go.
    pub fn wait(&self, now: Timestamp) -> Option<Millis> {
        (now < self.until).then(|| self.until.since(now))
    }

    /// A call went well.
    pub fn succeeded(&mut self) {
        self.streak = 0;
    }

    /// A call met a fault. Only a limit slows the others down; several calls that were under way together count as one.
    pub fn met(&mut self, fault: &Fault, now: Timestamp, seed: u64) {
        let Fault::Limited { retry_after, .. } = fault else {
            return;
        };
        if now >= self.until {
            self.streak = self.streak.saturating_add(1);
        }
        let own = match retry::next(fault, self.streak.max(1), Millis(0), seed) {
            Next::Again(pause) => pause,
            Next::Look(_) | Next::GiveUp => Millis(0),
        };
        let pause = retry_after.map_or(own, |asked| asked.min(LONGEST_OBEDIENCE));
        self.until = self.until.max(now + pause);
    }
}
