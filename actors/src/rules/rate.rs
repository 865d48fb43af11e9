//! How many batches may be created within an hour (contract, section 3.4).

use std::collections::VecDeque;

use super::time::{Millis, Timestamp};

/// The span that is counted over.
const HOUR: Millis = Millis::from_secs(3600);

/// The creations of the last hour.
#[derive(Debug, Clone)]
pub struct Rate {
    per_hour: usize,
    taken: VecDeque<Timestamp>,
}

impl Rate {
    /// Nothing has been created yet. At least one creation an hour is allowed.
    pub fn new(per_hour: usize) -> Self {
        Self { per_hour: per_hour.max(1), taken: VecDeque::new() }
    }

    /// Takes a place for a creation now, or says when the next place is free. A creation that fails has taken its
    /// place as well: the upstream may have counted it.
    pub fn take(&mut self, now: Timestamp) -> Result<(), Millis> {
        while self.taken.front().is_some_and(|oldest| now.since(*oldest) >= HOUR) {
            self.taken.pop_front();
        }
        match self.taken.front() {
            Some(oldest) if self.taken.len() >= self.per_hour => Err((*oldest + HOUR).since(now)),
            _ => {
                self.taken.push_back(now);
                Ok(())
            }
        }
    }
}
