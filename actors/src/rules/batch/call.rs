//! The call or the record that each phase waits for.

use super::{
    super::{record::Record, time::Timestamp},
    Batch, Command, Phase, REREADS, Terms,
};

impl Batch {
    /// What belongs to the phase it is in, under its present ticket; nothing if it is settled.
    pub(super) fn call(&self, now: Timestamp) -> Option<Command> {
        let (key, ticket) = (self.key, self.ticket);
        Some(match &self.phase {
            Phase::Sealed => {
                let (lane, requests) = (self.lane.clone(), self.requests.clone());
                Command::Record(ticket, Record::Sealed { key, lane, requests, at: self.sealed_at })
            }
            Phase::FindingFile => Command::FindFile(ticket),
            Phase::Uploading => Command::Upload(ticket),
            Phase::Uploaded(file) => {
                Command::Record(ticket, Record::Uploaded { key, file: file.clone(), at: now })
            }
            Phase::FindingBatch(..) => Command::FindBatches(ticket),
            Phase::Creating(file) => Command::Create(ticket, file.clone()),
            Phase::Created(batch) => {
                Command::Record(ticket, Record::Created { key, batch: batch.clone(), at: now })
            }
            Phase::Watching(_) => Command::Poll(ticket),
            Phase::Reading(batch) => {
                let terms = Terms { last: self.rereads >= REREADS, resend: !self.cancelled };
                Command::Read(ticket, batch.clone(), terms)
            }
            Phase::Refusing(outcome) => Command::Refuse(ticket, outcome.clone()),
            Phase::Returning(why) => Command::GiveBack(ticket, why.clone()),
            Phase::Settling(leftover) => {
                let returned = leftover.as_ref().map_or(Vec::new(), |leftover| leftover.requests.clone());
                let (returned, spent) = (returned.into(), self.spent.files());
                Command::Record(ticket, Record::Settled { key, returned, spent, at: now })
            }
            Phase::Settled => return None,
        })
    }
}
