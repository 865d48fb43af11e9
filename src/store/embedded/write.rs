//! The thread that writes: groups of records become commits.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    thread::JoinHandle,
};

use batch_gpt_actors::{
    ports::{StoreFault, Swept},
    rules::{lane::Lane, record::Record, retention::Due},
};
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::{
    commit::Commit,
    fault::Failure,
    filing::Filing,
    folder::Place,
    sweep::{self, Sweep},
};

/// Groups that wait together share a commit until it weighs this much. A heavier commit would make those who come
/// next wait longer than the saved sync is worth.
const COMMIT_BYTES: usize = 4 << 20;

type Reply = oneshot::Sender<Result<(), StoreFault>>;

/// What the thread is asked.
pub(super) enum Job {
    /// Write these.
    Append {
        /// The records.
        group: Vec<Record>,
        /// Told once they are durable.
        reply: Reply,
    },
    /// Write anything.
    Ping {
        /// Told whether it went.
        reply: Reply,
    },
    /// Take the next step of a sweep.
    Sweep {
        /// What may go.
        due: Due,
        /// Told what went.
        reply: oneshot::Sender<Result<Swept, StoreFault>>,
    },
    /// Do this with the writer.
    #[cfg(test)]
    With(Box<dyn FnOnce(&mut Writer) + Send>),
}

/// Starts the thread. It ends when every sender is gone and all it was asked is done.
pub(super) fn start(
    connection: Connection,
    filing: Filing,
    place: Place,
    owner: String,
) -> io::Result<(Sender<Job>, JoinHandle<()>)> {
    let (sender, jobs) = mpsc::channel();
    let mut writer =
        Writer { connection, lanes: HashMap::new(), filing, sweep: Sweep::default(), owner, place };
    let thread = std::thread::Builder::new().name("store-writer".into()).spawn(move || writer.work(&jobs))?;
    Ok((sender, thread))
}

/// The thread's state. Fields are dropped in this order: the folder is let go of after the file was closed.
pub(super) struct Writer {
    pub(super) connection: Connection,
    lanes: HashMap<Arc<Lane>, i64>,
    pub(super) filing: Filing,
    /// How far the sweep under way has come.
    sweep: Sweep,
    owner: String,
    place: Place,
}

impl Writer {
    fn work(&mut self, jobs: &Receiver<Job>) {
        let mut next = None;
        while let Some(job) = next.take().or_else(|| jobs.recv().ok()) {
            match job {
                Job::Append { group, reply } => next = self.append(group, reply, jobs),
                Job::Ping { reply } => {
                    let written = self
                        .transact(|commit| commit.execute("UPDATE pulse SET beats = beats + 1", []))
                        .map(|_| ());
                    // Nobody listens if the asker went away; here and below.
                    let _ = reply.send(written);
                }
                Job::Sweep { due, reply } => {
                    let _ = reply.send(self.sweep(&due));
                }
                #[cfg(test)]
                Job::With(what) => what(self),
            }
        }
    }

    fn sweep(&mut self, due: &Due) -> Result<Swept, StoreFault> {
        let sweep = self.sweep;
        let (swept, next) = self.transact(|commit| sweep.step(commit, due))?;
        self.sweep = if swept.more { next } else { Sweep::default() };
        if next.has_removed && !swept.more {
            sweep::tidy(&self.connection);
        }
        Ok(swept)
    }

    /// Writes a group and those that already wait behind it. Gives back a job that was met and is none of these.
    fn append(&mut self, group: Vec<Record>, reply: Reply, jobs: &Receiver<Job>) -> Option<Job> {
        let mut weight: usize = group.iter().map(weight).sum();
        let (mut groups, mut replies, mut next) = (vec![group], vec![reply], None);
        while weight < COMMIT_BYTES && next.is_none() {
            match jobs.try_recv() {
                Ok(Job::Append { group, reply }) => {
                    weight += group.iter().map(self::weight).sum::<usize>();
                    groups.push(group);
                    replies.push(reply);
                }
                Ok(other) => next = Some(other),
                Err(_) => break,
            }
        }
        let written = self.transact(|commit| {
            groups.iter().flatten().try_for_each(|record| commit.write(record))?;
            commit.filing.file(commit.transaction)
        });
        for reply in replies {
            let _ = reply.send(written.clone());
        }
        next
    }

    pub(super) fn transact<T>(
        &mut self,
        work: impl FnOnce(&mut Commit<'_>) -> Result<T, Failure>,
    ) -> Result<T, StoreFault> {
        let written = self.try_transact(work);
        match written {
            Ok(_) => self.filing.committed(),
            Err(_) => {
                // Rows that were undone with the transaction may be among them.
                self.lanes.clear();
                self.filing.undone();
            }
        }
        written.map_err(|failure| failure.in_file(&self.place.file))
    }

    fn try_transact<T>(
        &mut self,
        work: impl FnOnce(&mut Commit<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        // Undone when dropped without a commit.
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (lanes, filing) = (&mut self.lanes, &mut self.filing);
        let done = work(&mut Commit { transaction: &transaction, lanes, filing, owner: &self.owner })?;
        transaction.commit()?;
        Ok(done)
    }
}

/// Roughly the bytes that a record adds to a commit.
fn weight(record: &Record) -> usize {
    const ROW: usize = 256;
    match record {
        Record::Accepted { body, .. } => ROW + body.len(),
        Record::Sealed { requests, .. } => ROW + requests.len() * 32,
        Record::Answered { outcomes, .. } => {
            outcomes.iter().map(|(_, outcome)| ROW + outcome.body.len()).sum()
        }
        Record::Created { batch, .. }
        | Record::Observed { batch, .. }
        | Record::NativeBatch { batch, .. } => ROW + 2 * batch.raw.get().len(),
        Record::Settled { returned, .. } => ROW + returned.len() * 32,
        Record::Withdrawn { .. }
        | Record::Uploaded { .. }
        | Record::Cancelled { .. }
        | Record::FilesRemoved { .. }
        | Record::Purged { .. }
        | Record::FileMade { .. } => ROW,
    }
}
