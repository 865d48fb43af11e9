//! Collation: which requests become one batch, and when.
//!
//! A lane opens with its first request and is sealed when its window ends, when the next request would not fit, or
//! when the gateway stops. Limits are those of one input file (contract, section 3.4).

use std::{collections::BTreeSet, sync::Arc};

use foldhash::HashMap;

use super::{
    lane::Lane,
    time::{Millis, Timestamp},
};

/// Texts that one batch may have embedded, however few lines they stand in (contract, section 3.4).
pub const MAX_INPUTS: usize = 50_000;

/// What one batch may hold, and how long a lane stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Lines per file.
    pub max_requests: usize,
    /// Bytes per file, counted with everything that stands around a body.
    pub max_bytes: u64,
    /// Texts to be embedded per file, see [`MAX_INPUTS`].
    pub max_inputs: usize,
    /// From a lane's first request to its sealing.
    pub window: Millis,
}

/// Something that takes up room in a file.
pub trait Weight {
    /// Bytes of its whole line, line feed included.
    fn bytes(&self) -> u64;
    /// Texts that it has embedded; 0 for what is no embedding.
    fn inputs(&self) -> usize;
}

/// Why a lane was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It holds as many requests as a file may.
    Count,
    /// The next request would make the file too large.
    Bytes,
    /// The next request would have too many texts embedded.
    Inputs,
    /// Its window ended.
    Window,
    /// The gateway stops.
    Drain,
}

/// A lane's requests, in order of arrival, closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed<T> {
    /// The lane.
    pub lane: Arc<Lane>,
    /// Its requests.
    pub items: Vec<T>,
    /// Why it was closed.
    pub reason: Reason,
}

impl<T> Sealed<T> {
    /// Takes out the items that nobody waits for any more.
    pub fn prune(&mut self, gone: impl Fn(&T) -> bool) -> Vec<T> {
        let (pruned, kept) = std::mem::take(&mut self.items).into_iter().partition(gone);
        self.items = kept;
        pruned
    }
}

/// An item that alone is more than a file may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLarge<T>(pub T);

struct OpenLane<T> {
    items: Vec<T>,
    bytes: u64,
    inputs: usize,
    due: Timestamp,
}

/// The open lanes.
pub struct Collation<T> {
    limits: Limits,
    lanes: HashMap<Arc<Lane>, OpenLane<T>>,
    dues: BTreeSet<(Timestamp, Arc<Lane>)>,
    /// Items in all lanes.
    open_items: usize,
}

impl<T: Weight> Collation<T> {
    /// No lane is open yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, lanes: HashMap::default(), dues: BTreeSet::new(), open_items: 0 }
    }

    /// Puts an item into its lane. Returns the lanes that this closed: the one before it, where it did not fit, and
    /// its own, where it is the last that fits.
    pub fn offer(
        &mut self,
        now: Timestamp,
        lane: &Arc<Lane>,
        item: T,
    ) -> Result<Vec<Sealed<T>>, TooLarge<T>> {
        let (bytes, inputs) = (item.bytes(), item.inputs());
        if self.exceeded(bytes, inputs).is_some() {
            return Err(TooLarge(item));
        }
        let mut sealed = Vec::new();
        let open = self.lanes.get(lane);
        if let Some(reason) = open.and_then(|open| self.exceeded(open.bytes + bytes, open.inputs + inputs)) {
            sealed.extend(self.seal(lane, reason));
        }
        let due = now + self.limits.window;
        let open = self.lanes.entry(lane.clone()).or_insert_with(|| {
            self.dues.insert((due, lane.clone()));
            OpenLane { items: Vec::new(), bytes: 0, inputs: 0, due }
        });
        self.open_items += 1;
        open.items.push(item);
        open.bytes += bytes;
        open.inputs += inputs;
        if open.items.len() >= self.limits.max_requests {
            sealed.extend(self.seal(lane, Reason::Count));
        }
        Ok(sealed)
    }

    /// Closes every lane whose window has ended.
    pub fn due(&mut self, now: Timestamp) -> Vec<Sealed<T>> {
        let mut sealed = Vec::new();
        while let Some((_, lane)) = self.dues.first().filter(|(due, _)| *due <= now).cloned() {
            sealed.extend(self.seal(&lane, Reason::Window));
        }
        sealed
    }

    /// When the next window ends.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.dues.first().map(|(due, _)| *due)
    }

    /// When the lane's window ends, if it is open.
    pub fn window(&self, lane: &Lane) -> Option<Timestamp> {
        self.lanes.get(lane).map(|open| open.due)
    }

    /// Closes every lane.
    pub fn seal_all(&mut self) -> Vec<Sealed<T>> {
        let lanes: Vec<_> = self.dues.iter().map(|(_, lane)| lane.clone()).collect();
        lanes.iter().filter_map(|lane| self.seal(lane, Reason::Drain)).collect()
    }

    /// Lanes open now.
    pub fn open_lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Items waiting in open lanes.
    pub fn open_items(&self) -> usize {
        self.open_items
    }

    /// Which limit of a file such a content would exceed.
    fn exceeded(&self, bytes: u64, inputs: usize) -> Option<Reason> {
        if bytes > self.limits.max_bytes {
            return Some(Reason::Bytes);
        }
        (inputs > self.limits.max_inputs).then_some(Reason::Inputs)
    }

    fn seal(&mut self, lane: &Arc<Lane>, reason: Reason) -> Option<Sealed<T>> {
        let (lane, open) = self.lanes.remove_entry(lane)?;
        self.dues.remove(&(open.due, lane.clone()));
        self.open_items -= open.items.len();
        Some(Sealed { lane, items: open.items, reason })
    }
}
