//! What waits in lanes, and what leaves them together.

use std::sync::Arc;

use bytes::Bytes;

use crate::rules::{body, collate::Weight, hold::Lot, ids::RequestId, lane::Lane, lines, resend::Lineage};

/// A request on its way into a batch.
pub(super) struct Item {
    pub(super) id: RequestId,
    pub(super) body: Bytes,
    pub(super) bytes: u64,
    inputs: usize,
    /// How often it has been sent before.
    pub(super) attempts: u32,
}

impl Item {
    /// A request that was just accepted.
    pub(super) fn new(id: RequestId, lane: &Lane, body: Bytes, inputs: usize) -> Self {
        let bytes = lines::overhead(lane.endpoint) + body.len() as u64;
        Self { id, body, bytes, inputs, attempts: 0 }
    }

    /// A request that comes out of the store; so often it has been sent before.
    pub(super) fn again(id: RequestId, lane: &Lane, body: Bytes, attempts: u32) -> Self {
        let inputs = body::inputs(lane.endpoint, &body);
        Self { attempts, ..Self::new(id, lane, body, inputs) }
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
