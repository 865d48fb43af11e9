//! How long what is over is kept, and what may go.
//!
//! What is open never goes: a request without an outcome, a line of a batch that is not settled, a batch that is not.

use super::time::{Millis, Timestamp};

/// How long something is kept after its end; `None` is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// What clients sent.
    pub bodies: Option<Millis>,
    /// What they were answered.
    pub answers: Option<Millis>,
    /// That there was a batch, and how it went. That there was a request stays as long as anything of it is kept, and
    /// as long as this.
    pub statuses: Option<Millis>,
}

/// What may go at one moment: whatever ended before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Bodies of requests that ended before this; none if `None`, here and below.
    pub bodies: Option<Timestamp>,
    /// Answers of requests that ended before this.
    pub answers: Option<Timestamp>,
    /// Requests that ended before this, with all that is kept of them.
    pub requests: Option<Timestamp>,
    /// Batches that were settled before this, with their statuses.
    pub batches: Option<Timestamp>,
    /// What was purged and is in no batch, if it ended before this.
    purged: Timestamp,
}

/// Where a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In no batch, as far as the journal knows.
    Nowhere,
    /// A line of a batch that is not settled.
    Unsettled,
    /// A line of a batch that is settled.
    Settled,
}

/// A request, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// When it got its outcome or was withdrawn; `None` if it is open.
    pub at: Option<Timestamp>,
    /// Where it is.
    pub place: Place,
    /// Whether somebody wants all that is kept of it to go.
    pub purged: bool,
}

/// What a sweep walks through, in this order: a request goes when its body and its outcome have had their turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Walk {
    /// Requests that are to be emptied.
    #[default]
    Purged,
    /// Bodies of requests.
    Bodies,
    /// Their outcomes.
    Answers,
    /// Requests.
    Requests,
    /// Batches.
    Batches,
    /// Batches that clients made themselves, where they stand apart.
    Native,
}

/// A cancellation may overtake the sealing of its request's batch on the way to the journal. So much later it has not.
const OVERTAKING: Millis = Millis::from_secs(3600);

impl Retention {
    /// Whether anything goes by itself.
    pub fn is_limited(&self) -> bool {
        self.bodies.or(self.answers).or(self.statuses).is_some()
    }

    /// What may go now.
    pub fn due(&self, now: Timestamp) -> Due {
        let before = |kept: Option<Millis>| kept.map(|kept| now - kept.max(OVERTAKING));
        let all = [self.bodies, self.answers, self.statuses];
        let longest = all.iter().all(Option::is_some).then(|| all.into_iter().flatten().max()).flatten();
        Due {
            bodies: before(self.bodies),
            answers: before(self.answers),
            requests: before(longest),
            batches: before(self.statuses),
            purged: now - OVERTAKING,
        }
    }
}

impl Due {
    /// Whether this request's body may go.
    pub fn takes_body(&self, request: &Ended) -> bool {
        self.takes(request, self.bodies)
    }

    /// Whether this request's outcome may go.
    pub fn takes_answer(&self, request: &Ended) -> bool {
        self.takes(request, self.answers)
    }

    /// Whether this request may go, with all that is kept of it.
    pub fn takes_request(&self, request: &Ended) -> bool {
        let unpurged = Ended { purged: false, ..*request };
        self.takes(&unpurged, self.requests)
    }

    /// Whether a batch may go that ended then, if it has, and nothing is left to do for it.
    pub fn takes_batch(&self, ended: Option<Timestamp>) -> bool {
        ended.zip(self.batches).is_some_and(|(ended, before)| ended < before)
    }

    fn takes(&self, request: &Ended, before: Option<Timestamp>) -> bool {
        let Some(ended) = request.at else {
            return false;
        };
        let due = before.is_some_and(|before| ended < before);
        match request.place {
            Place::Unsettled => false,
            Place::Settled => due || request.purged,
            Place::Nowhere => due || (request.purged && ended < self.purged),
        }
    }
}

impl Walk {
    /// The next one.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Purged => Some(Self::Bodies),
            Self::Bodies => Some(Self::Answers),
            Self::Answers => Some(Self::Requests),
            Self::Requests => Some(Self::Batches),
            Self::Batches => Some(Self::Native),
            Self::Native => None,
        }
    }

    /// What was accepted or sealed at this time, and whatever follows it, cannot be due; nothing is if there is none.
    /// What clients made themselves has no order.
    pub fn end(self, due: &Due) -> Option<Timestamp> {
        match self {
            Self::Purged => Some(Timestamp(u64::MAX)),
            Self::Bodies => due.bodies,
            Self::Answers => due.answers,
            Self::Requests => due.requests,
            Self::Batches => due.batches,
            Self::Native => due.batches.map(|_| Timestamp(u64::MAX)),
        }
    }
}
