//! Outcomes that were read and are not recorded yet.
//!
//! An upstream gives results in any order, and the store writes several times faster in the order of acceptance. So a
//! batch's outcomes are held until the last one was read; more than a few are held on the disk.

use std::{future::ready, ops::Range, sync::Arc, task::Poll};

use futures_util::{FutureExt, future::BoxFuture, poll};

use crate::{
    links::PIECE,
    ports::{Spill, SpillFault, Spills},
    rules::{
        ids::RequestId,
        outcome::{Origin, Outcome},
    },
};

/// About so many bytes are recorded in one piece.
const PIECE_BYTES: usize = 1 << 20;

/// See the module.
pub(crate) struct Held {
    spills: Arc<dyn Spills>,
    kept: Vec<(RequestId, Outcome)>,
    kept_bytes: usize,
    spill: Option<Arc<dyn Spill>>,
    leaving: Option<Leaving>,
    /// Where the next body goes.
    end: u64,
    spilled: Vec<Spilled>,
}

/// Outcomes that are on their way to the disk.
struct Leaving {
    put: BoxFuture<'static, Result<(), SpillFault>>,
    outcomes: Vec<(RequestId, Outcome)>,
}

/// An outcome whose body is on the disk.
struct Spilled {
    id: RequestId,
    status: u16,
    origin: Origin,
    at: Range<u64>,
}

impl Held {
    /// Nothing is held.
    pub(crate) fn new(spills: Arc<dyn Spills>) -> Self {
        Self {
            spills,
            kept: Vec::new(),
            kept_bytes: 0,
            spill: None,
            leaving: None,
            end: 0,
            spilled: Vec::new(),
        }
    }

    /// Holds one more.
    pub(crate) fn push(&mut self, id: RequestId, outcome: Outcome) {
        self.kept_bytes += size_of_val(&outcome) + outcome.body.len();
        self.kept.push((id, outcome));
    }

    /// Whether so much is in memory that it should be spilled.
    pub(crate) fn is_full(&self) -> bool {
        self.kept_bytes > self.spills.begins_after()
    }

    /// Whether anything is on the disk, or on its way there.
    pub(crate) fn has_spilled(&self) -> bool {
        self.leaving.is_some() || !self.spilled.is_empty()
    }

    /// Begins to move what is in memory to the disk, once what left before has arrived. Where that fails, it is in memory
    /// again, and nothing leaves.
    pub(crate) async fn spill(&mut self) -> Result<(), SpillFault> {
        self.arrive().await?;
        let spill = self.spill.get_or_insert_with(|| self.spills.begin()).clone();
        let (outcomes, at) = (self.take_kept(), self.end);
        let bodies = outcomes.iter().map(|(_, outcome)| outcome.body.clone()).collect();
        let mut put = async move { spill.put(at, bodies).await }.boxed();
        // From its first poll on it goes by itself.
        let put = match poll!(&mut put) {
            Poll::Ready(done) => ready(done).boxed(),
            Poll::Pending => put,
        };
        self.leaving = Some(Leaving { put, outcomes });
        Ok(())
    }

    /// Waits until what has left is on the disk.
    pub(crate) async fn arrive(&mut self) -> Result<(), SpillFault> {
        let Some(leaving) = &mut self.leaving else { return Ok(()) };
        let put = leaving.put.as_mut().await;
        let outcomes = self.leaving.take().map(|leaving| leaving.outcomes).unwrap_or_default();
        for (id, outcome) in outcomes {
            if put.is_err() {
                self.push(id, outcome);
                continue;
            }
            let at = self.end..self.end + outcome.body.len() as u64;
            self.end = at.end;
            self.spilled.push(Spilled { id, status: outcome.status, origin: outcome.origin, at });
        }
        put
    }

    /// Lets go of what is in memory.
    pub(crate) fn take_kept(&mut self) -> Vec<(RequestId, Outcome)> {
        self.kept_bytes = 0;
        std::mem::take(&mut self.kept)
    }

    /// Lets go of what is on the disk, in the order of acceptance. The disk's room is free when the last piece is gone.
    pub(crate) fn take_spilled(&mut self) -> Vec<Landing> {
        let Some(spill) = self.spill.take() else {
            return Vec::new();
        };
        self.end = 0;
        let pieces = pieces(std::mem::take(&mut self.spilled), |spilled| spilled.length());
        pieces.into_iter().map(|spilled| Landing { spill: spill.clone(), spilled }).collect()
    }
}

impl Spilled {
    fn length(&self) -> usize {
        usize::try_from(self.at.end - self.at.start).unwrap_or(usize::MAX)
    }
}

/// A piece of what is on the disk.
pub(crate) struct Landing {
    spill: Arc<dyn Spill>,
    spilled: Vec<Spilled>,
}

impl Landing {
    /// Reads it back.
    pub(crate) async fn outcomes(&self) -> Result<Vec<(RequestId, Outcome)>, SpillFault> {
        let places = self.spilled.iter().map(|spilled| spilled.at.clone()).collect();
        let bodies = self.spill.get(places).await?;
        let outcome = |(spilled, body): (&Spilled, _)| {
            (spilled.id, Outcome { status: spilled.status, body, origin: spilled.origin })
        };
        Ok(self.spilled.iter().zip(bodies).map(outcome).collect())
    }

    /// Whose outcomes they are.
    pub(crate) fn requests(&self) -> Vec<RequestId> {
        self.spilled.iter().map(|spilled| spilled.id).collect()
    }
}

/// What belongs to a request.
pub(crate) trait OfRequest {
    /// Its id.
    fn request(&self) -> RequestId;
}

impl OfRequest for Spilled {
    fn request(&self) -> RequestId {
        self.id
    }
}

impl OfRequest for (RequestId, Outcome) {
    fn request(&self) -> RequestId {
        self.0
    }
}

/// Cuts outcomes into pieces to record, in the order of acceptance.
pub(crate) fn pieces<T: OfRequest>(mut outcomes: Vec<T>, length: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    outcomes.sort_unstable_by_key(T::request);
    let mut pieces = Vec::with_capacity(outcomes.len().div_ceil(PIECE));
    let (mut piece, mut bytes) = (Vec::new(), 0);
    for outcome in outcomes {
        bytes += length(&outcome);
        piece.push(outcome);
        if piece.len() == PIECE || bytes >= PIECE_BYTES {
            pieces.push(std::mem::take(&mut piece));
            bytes = 0;
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}
