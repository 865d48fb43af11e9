//! What ails the upstream, as far as its answers show, for people who have to see to it.

use super::{
    fault::Fault,
    refusal::{self, Cause},
    time::Timestamp,
};

/// The latest trouble, until a call goes well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trouble(Option<Known>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    since: Timestamp,
    words: String,
    /// It does not pass by itself.
    alarming: bool,
}

impl Trouble {
    /// A call met a fault. True if that is news that somebody should be woken for.
    pub fn met(&mut self, fault: &Fault, now: Timestamp) -> bool {
        let alarming = match fault {
            Fault::Deferred(_) => return false,
            Fault::Permanent { status: 401 | 403, .. } => true,
            Fault::Permanent { error, .. } => match refusal::cause(error) {
                Cause::Funds => true,
                // Such an answer concerns its call alone.
                _ => return false,
            },
            Fault::Transient(_) | Fault::Limited { .. } | Fault::Ambiguous(_) => false,
        };
        let known = self.0.as_ref().is_some_and(|known| known.alarming);
        let since = self.0.as_ref().map_or(now, |known| known.since);
        if alarming || !known {
            self.0 = Some(Known { since, words: fault.to_string(), alarming });
        }
        alarming && !known
    }

    /// A call went well. True if there was trouble that somebody was woken for.
    pub fn passed(&mut self) -> bool {
        self.0.take().is_some_and(|known| known.alarming)
    }

    /// What ails it, and for how long.
    pub fn words(&self, now: Timestamp) -> Option<String> {
        let known = self.0.as_ref()?;
        Some(format!("for {} s: {}", now.since(known.since).0 / 1000, known.words))
    }
}
