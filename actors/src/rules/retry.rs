//! When to try again.

use super::{
    fault::Fault,
    time::{Millis, Timestamp},
};

/// First pause between two attempts.
pub const FIRST_PAUSE: Millis = Millis(500);
/// Longest pause that the gateway chooses itself.
pub const LONGEST_PAUSE: Millis = Millis::from_secs(60);
/// Longest pause that an upstream may impose.
pub const LONGEST_OBEDIENCE: Millis = Millis::from_secs(3600);
/// How long a call is tried before its batch is given up: as long as the upstream may take for a whole batch.
pub const PATIENCE: Millis = Millis::from_secs(24 * 3600);

/// What to do after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Do the same call again after a pause.
    Again(Millis),
    /// After a pause, look whether it happened; only then do it again.
    Look(Millis),
    /// It will not go well.
    GiveUp,
}

/// Decides after the `attempt`-th failure in a row (from 1), `elapsed` after the first of them. The pauses double;
/// `seed` spreads them by a quarter to either side, so that many batches do not come back at once.
pub fn next(fault: &Fault, attempt: u32, elapsed: Millis, seed: u64) -> Next {
    if elapsed >= PATIENCE {
        return Next::GiveUp;
    }
    let pause = pause(attempt, seed);
    match fault {
        Fault::Permanent { .. } => Next::GiveUp,
        Fault::Transient(_) => Next::Again(pause),
        Fault::Ambiguous(_) => Next::Look(pause),
        Fault::Limited { retry_after, .. } => {
            let asked = retry_after.unwrap_or_default().min(LONGEST_OBEDIENCE);
            Next::Again(later(asked, seed, attempt).max(pause))
        }
        Fault::Deferred(span) => Next::Again(later(*span, seed, attempt)),
    }
}

/// The pause before attempt `attempt + 1`.
fn pause(attempt: u32, seed: u64) -> Millis {
    let doubled = FIRST_PAUSE.0.saturating_mul(1 << attempt.saturating_sub(1).min(20));
    spread(Millis(doubled.min(LONGEST_PAUSE.0)), seed, attempt)
}

/// Moves a span by at most a quarter, by a number that depends on `seed` and `round` alone.
pub fn spread(span: Millis, seed: u64, round: u32) -> Millis {
    let half = span.0 / 2;
    Millis(span.0 - span.0 / 4 + if half == 0 { 0 } else { mix(seed, round) % half })
}

/// Lengthens a span that must not be cut short by at most a quarter, so that many who were told the same span do not
/// come back at the same instant.
pub fn later(span: Millis, seed: u64, round: u32) -> Millis {
    Millis(span.0.saturating_add(mix(seed, round) % (span.0 / 4 + 1)))
}

/// A number that depends on `seed` and `round` alone, and on both.
fn mix(seed: u64, round: u32) -> u64 {
    let mut mixed = seed ^ (u64::from(round)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 27)
}

/// How often a batch is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polling {
    /// The first interval.
    pub min: Millis,
    /// The longest interval.
    pub max: Millis,
}

impl Polling {
    /// When to look again after `polls` looks: each interval is half as long again as the one before.
    pub fn next(&self, now: Timestamp, polls: u32, seed: u64) -> Timestamp {
        now + self.interval(polls, seed)
    }

    /// The interval after so many looks, spread.
    pub fn interval(&self, polls: u32, seed: u64) -> Millis {
        let grown = self.min.0 as f64 * 1.5f64.powi(polls.min(64) as i32);
        let interval = Millis(grown.min(self.max.0.max(self.min.0) as f64) as u64);
        spread(interval, seed, polls)
    }
}
