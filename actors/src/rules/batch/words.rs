//! What the machine of a batch is told, and what it asks for.

use crate::rules::{
    fault::Fault, ids::FileId, outcome::Outcome, record::Record, time::Timestamp,
    upstream_batch::UpstreamBatch,
};

/// Names one call or one record under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(super) u32);

/// What a report says.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// The record is durable.
    Recorded,
    /// The file has been looked for.
    FileFound(Option<FileId>),
    /// The lines are up.
    Uploaded(FileId),
    /// The batch has been looked for: every batch upstream with its key.
    BatchesFound(Vec<UpstreamBatch>),
    /// The batch has been created.
    Created(UpstreamBatch),
    /// The batch has been looked at.
    Polled(UpstreamBatch),
    /// Every request's outcome is durable and on its way to its client.
    Answered,
    /// The call went wrong.
    Failed(Fault),
}

/// What can happen to a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The call or record under this ticket has ended.
    Reported(Ticket, Report),
    /// The time that [`Command::WakeAt`] named has come.
    Due,
    /// Somebody else learned how the batch stands, such as by cancelling it.
    Seen(UpstreamBatch),
}

/// What is to be done for a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Make this durable and report it.
    Record(Ticket, Record),
    /// Look for its file by name.
    FindFile(Ticket),
    /// Upload its lines.
    Upload(Ticket),
    /// Look for batches with its key.
    FindBatches(Ticket),
    /// Create it from this file.
    Create(Ticket, FileId),
    /// Ask how it stands.
    Poll(Ticket),
    /// Read its files, record and deliver every request's outcome.
    Read(Ticket, UpstreamBatch),
    /// Record and deliver this outcome for every request that has none.
    Refuse(Ticket, Outcome),
    /// Write this down; nothing waits for it.
    Note(Record),
    /// A second batch upstream with the same key: it must not be executed.
    CancelOrphan(UpstreamBatch),
    /// From here on a Poller has it.
    HandOver,
    /// Come back at this time with [`Event::Due`]; replaces the earlier wish.
    WakeAt(Timestamp),
    /// Forget it.
    Finish,
}
