//! What the machine of a batch is told, and what it asks for.

use std::sync::Arc;

use crate::rules::{
    fault::Fault,
    ids::{BatchId, FileId},
    leftover::{Leftover, Why},
    outcome::Outcome,
    record::Record,
    time::Timestamp,
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
    /// Every outcome is durable and on its way to its client; these requests have none.
    Answered(Option<Arc<Leftover>>),
    /// The files say nothing of so many requests.
    Incomplete(usize),
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

/// On which terms a batch's files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// A request that the files say nothing of counts as failed; otherwise nothing is concluded from that yet.
    pub last: bool,
    /// What failed for a passing reason may be sent again.
    pub resend: bool,
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
    /// Read its files, record and deliver the outcomes.
    Read(Ticket, UpstreamBatch, Terms),
    /// Record and deliver this outcome for every request that has none.
    Refuse(Ticket, Outcome),
    /// Find the requests that have no outcome; they are left over for this reason.
    GiveBack(Ticket, Why),
    /// Write this down; nothing waits for it.
    Note(Record),
    /// A second batch upstream with the same key: it must not be executed.
    CancelOrphan(UpstreamBatch),
    /// The batch has had its time: it must not go on for ever.
    CancelOverdue(BatchId),
    /// From here on a Poller has it.
    HandOver,
    /// Come back at this time with [`Event::Due`]; replaces the earlier wish.
    WakeAt(Timestamp),
    /// It has ended, and these requests go on without it.
    Ended(Option<Arc<Leftover>>),
    /// These files of it are of no use any more, and have to be removed upstream.
    Remove(Arc<[FileId]>),
    /// Forget it.
    Finish,
}
