//! What is in store for a batch.

use crate::batch_error::BatchError;
use crate::fault::{Fault, Stage};
use crate::operation::Operation;
use crate::random::Random;
use crate::webhook::Delivery;
use crate::world::State;

/// Decided when a batch is created; the default is a life without faults.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fate {
    /// Its input file will not be found (contract, case 70).
    pub(crate) loses_file: bool,
    /// Validation will fail with this error, whatever its lines are.
    pub(crate) fails: Option<BatchError>,
    /// It will expire when half of its lines are executed.
    pub(crate) expires: bool,
    /// Milliseconds for which it cannot be retrieved (contract, case 69).
    pub(crate) late_ms: u64,
    /// Milliseconds for which its results cannot be read (contract, case 68).
    pub(crate) content_late_ms: u64,
    /// Milliseconds it stays in `finalizing` beyond the usual time (contract, case 71).
    pub(crate) stuck_ms: u64,
    /// It will report all its lines as completed.
    pub(crate) counts_lie: bool,
    /// It will name an empty error file if none of its lines failed.
    pub(crate) zero_byte_error_file: bool,
    /// How the event about its end is delivered (contract, case 76).
    pub(crate) delivery: Delivery,
}

impl State {
    /// Decides the fate of the batch about to be created, and enters it in the ledger.
    pub(crate) fn draw_fate(&mut self, seed: u64) -> Fate {
        let mut fate = Fate::default();
        if let Some(drawn) = self.draw(seed, Operation::CreateBatch, Stage::Creation) {
            match drawn.order.fault {
                Fault::CannotFindFile => fate.loses_file = true,
                Fault::BatchFails => fate.fails = Some(BatchError::ordered(drawn.order)),
                Fault::BatchExpires => fate.expires = true,
                Fault::LateBatch => fate.late_ms = drawn.order.ms.unwrap_or(self.faults.late_ms),
                Fault::LateContent => fate.content_late_ms = drawn.order.ms.unwrap_or(self.faults.late_ms),
                Fault::StuckFinalizing => fate.stuck_ms = drawn.order.ms.unwrap_or(self.faults.stuck_ms),
                Fault::CountsLie => fate.counts_lie = true,
                Fault::ZeroByteErrorFile => fate.zero_byte_error_file = true,
                Fault::WebhookTwice => fate.delivery = Delivery::Twice,
                Fault::WebhookLost => fate.delivery = Delivery::Lost,
                Fault::WebhookForged => fate.delivery = Delivery::Forged,
                _ => {}
            }
        }
        let chance = Random::from((seed, "fate", self.batches.len())).fraction();
        let (failing, expiring) = (self.faults.fail_rate, self.faults.expire_rate);
        if chance < failing && fate.fails.is_none() {
            fate.fails = Some(BatchError::no_reason());
            self.ledger.count_fault(&Fault::BatchFails.to_string());
        } else if (failing..failing + expiring).contains(&chance) && !fate.expires {
            fate.expires = true;
            self.ledger.count_fault(&Fault::BatchExpires.to_string());
        }
        fate
    }
}
