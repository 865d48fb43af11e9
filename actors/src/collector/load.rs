//! What waits in lanes, and what leaves them together.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    memory::{Body, Memory},
    rules::{body, collate::Weight, hold::Lot, ids::RequestId, lane::Lane, lines, resend::Lineage},
};

/// What has to be known of a request's body when it comes out of the store.
pub struct Stored {
    body: Body,
    inputs: usize,
}

impl Stored {
    /// Looks at the body, and keeps it if there is room.
    pub fn new(lane: &Lane, bytes: Bytes, memory: &Memory) -> Self {
        let inputs = body::inputs(lane.endpoint, &bytes);
        Self { body: memory.body(bytes), inputs }
    }
}

/// A request on its way into a batch.
pub(super) struct Item {
    pub(super) id: RequestId,
    pub(super) body: Body,
    pub(super) bytes: u64,
    inputs: usize,
    /// How often it has been sent before.
    pub(super) attempts: u32,
}

impl Item {
    /// A request that was just accepted.
    pub(super) fn new(id: RequestId, lane: &Lane, body: Body, inputs: usize) -> Self {
        let bytes = lines::overhead(lane.endpoint) + body.len();
        Self { id, body, bytes, inputs, attempts: 0 }
    }

    /// A request that comes out of the store; so often it has been sent before.
    pub(super) fn again(id: RequestId, lane: &Lane, stored: Stored, attempts: u32) -> Self {
        Self { attempts, ..Self::new(id, lane, stored.body, stored.inputs) }
    }
}

impl Weight for Item {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn inputs(&self) -> usize {
        self.inputs
    }
}

/// Requests that go into one batch, and where that comes from.
pub(super) struct Load {
    pub(super) lane: Arc<Lane>,
    pub(super) items: Vec<Item>,
    pub(super) lineage: Lineage,
}

impl Load {
    /// The same with its weight and its turn.
    pub(super) fn into_lot(self) -> Lot<Self> {
        let bytes = self.items.iter().map(|item| item.bytes).sum();
        Lot { turn: self.lineage.turn, requests: self.items.len(), bytes, load: self }
    }
}
