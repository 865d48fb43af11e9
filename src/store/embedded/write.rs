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
    ports::StoreFault,
    rules::{
        ids::{BatchKey, RequestId},
        lane::Lane,
        outcome::{Origin, Outcome},
        record::{Accepted, Record},
        time::Timestamp,
        upstream_batch::UpstreamBatch,
    },
};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tokio::sync::oneshot;

use super::{fault::Failure, folder::Place};

/// Groups that wait together share a commit until it weighs this much. A heavier commit would make those who come
/// next wait longer than the saved sync is worth.
const COMMIT_BYTES: usize = 1 << 20;

/// Lanes whose row is remembered. Clients spell the models, so their number has no bound of its own.
const KNOWN_LANES: usize = 4096;

/// States of a request, as they stand in the file.
pub(super) mod state {
    /// Accepted, in no batch.
    pub(in super::super) const OPEN: u8 = 0;
    /// A line of a batch, without an outcome.
    pub(in super::super) const SEALED: u8 = 1;
    /// Has its outcome.
    pub(in super::super) const ANSWERED: u8 = 2;
    /// Dropped before it was in a batch.
    pub(in super::super) const WITHDRAWN: u8 = 3;
}

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
    /// Do this with the connection.
    #[cfg(test)]
    With(Box<dyn FnOnce(&Connection) + Send>),
}

/// Starts the thread. It ends when every sender is gone and all it was asked is done.
pub(super) fn start(
    connection: Connection,
    place: Place,
    owner: String,
) -> io::Result<(Sender<Job>, JoinHandle<()>)> {
    let (sender, jobs) = mpsc::channel();
    let mut writer = Writer {
        connection,
        lanes: HashMap::new(),
        owner,
        place,
    };
    let thread = std::thread::Builder::new()
        .name("store-writer".into())
        .spawn(move || writer.work(&jobs))?;
    Ok((sender, thread))
}

/// Fields are dropped in this order: the folder is let go of after the file was closed.
struct Writer {
    connection: Connection,
    lanes: HashMap<Arc<Lane>, i64>,
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
                        .transact(|records| records.execute("UPDATE pulse SET beats = beats + 1", []))
                        .map(|_| ());
                    // Nobody listens if the asker went away; here and below.
                    let _ = reply.send(written);
                }
                #[cfg(test)]
                Job::With(what) => what(&self.connection),
            }
        }
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
        let written = self.transact(|records| {
            groups
                .iter()
                .flatten()
                .try_for_each(|record| records.write(record))
        });
        for reply in replies {
            let _ = reply.send(written.clone());
        }
        next
    }

    fn transact<T>(
        &mut self,
        work: impl FnOnce(&mut Records<'_>) -> Result<T, Failure>,
    ) -> Result<T, StoreFault> {
        let written = self.try_transact(work);
        if written.is_err() {
            // Rows that were undone with the transaction may be among them.
            self.lanes.clear();
        }
        written.map_err(|failure| failure.in_file(&self.place.file))
    }

    fn try_transact<T>(
        &mut self,
        work: impl FnOnce(&mut Records<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        // Undone when dropped without a commit.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&mut Records {
            transaction: &transaction,
            lanes: &mut self.lanes,
            owner: &self.owner,
        })?;
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
        Record::Created { batch, .. } | Record::Observed { batch, .. } => ROW + 2 * batch.raw.get().len(),
        Record::Withdrawn { .. } | Record::Uploaded { .. } | Record::Settled { .. } => ROW,
    }
}

/// One commit under way.
struct Records<'a> {
    transaction: &'a Transaction<'a>,
    lanes: &'a mut HashMap<Arc<Lane>, i64>,
    owner: &'a str,
}

impl Records<'_> {
    fn execute(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize, Failure> {
        Ok(self.transaction.prepare_cached(sql)?.execute(params)?)
    }

    fn write(&mut self, record: &Record) -> Result<(), Failure> {
        match record {
            Record::Accepted { request, body } => self.accepted(request, body),
            Record::Withdrawn { id, at } => self
                .execute(
                    "UPDATE requests SET state = ?3, ended_at = ?2 WHERE id = ?1 AND state < 2",
                    params![id_bytes(*id), time(*at), state::WITHDRAWN],
                )
                .map(drop),
            Record::Sealed {
                key,
                lane,
                requests,
                at,
            } => self.sealed(*key, lane, requests, *at),
            Record::Uploaded { key, file, at } => self
                .execute(
                    "UPDATE batches SET file = ?2, uploaded_at = ?3 WHERE key = ?1 AND upstream_id IS NULL",
                    params![key_bytes(*key), file.as_str(), time(*at)],
                )
                .map(drop),
            Record::Created { key, batch, at } => {
                // A later status of the same batch stands, should this come a second time.
                let known = "SELECT 1 FROM batches WHERE key = ?1 AND upstream_id = ?2";
                let mut known = self.transaction.prepare_cached(known)?;
                if known.exists(params![key_bytes(*key), batch.id.as_str()])? {
                    return Ok(());
                }
                self.observed(*key, batch, *at)
            }
            Record::Observed { key, batch, at } => self.observed(*key, batch, *at),
            Record::Answered { outcomes, at, .. } => outcomes
                .iter()
                .try_for_each(|(id, outcome)| self.answered(*id, outcome, *at)),
            Record::Settled { key, at } => self
                .execute(
                    "UPDATE batches SET settled_at = ?2 WHERE key = ?1 AND settled_at IS NULL",
                    params![key_bytes(*key), time(*at)],
                )
                .map(drop),
        }
    }

    fn accepted(&mut self, request: &Accepted, body: &[u8]) -> Result<(), Failure> {
        let lane = self.lane(&request.lane)?;
        let new = self.execute(
            "INSERT INTO requests (id, fingerprint, lane, accepted_at, state) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (id) DO NOTHING",
            params![
                id_bytes(request.id),
                request.fingerprint.0,
                lane,
                time(request.at),
                state::OPEN
            ],
        )?;
        if new == 1 {
            let seq = self.transaction.last_insert_rowid();
            self.execute(
                "INSERT INTO bodies (request, body) VALUES (?1, ?2)",
                params![seq, body],
            )?;
        }
        Ok(())
    }

    fn sealed(
        &mut self,
        key: BatchKey,
        lane: &Arc<Lane>,
        requests: &[RequestId],
        at: Timestamp,
    ) -> Result<(), Failure> {
        let row = self.lane(lane)?;
        let new = self.execute(
            "INSERT INTO batches (key, lane, tenant, sealed_at, owner) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (key) DO NOTHING",
            params![key_bytes(key), row, &*lane.tenant.0, time(at), self.owner],
        )?;
        if new == 0 {
            return Ok(());
        }
        let batch = self.transaction.last_insert_rowid();
        let lines: Vec<u8> = requests.iter().flat_map(|id| id_bytes(*id)).collect();
        self.execute(
            "INSERT INTO lines (batch, requests) VALUES (?1, ?2)",
            params![batch, lines],
        )?;
        let mut into_batch = self
            .transaction
            .prepare_cached("UPDATE requests SET state = ?3, batch = ?2 WHERE id = ?1 AND state < 2")?;
        for id in requests {
            into_batch.execute(params![id_bytes(*id), batch, state::SEALED])?;
        }
        Ok(())
    }

    fn observed(&self, key: BatchKey, batch: &UpstreamBatch, at: Timestamp) -> Result<(), Failure> {
        let object = batch.raw.get();
        self.execute(
            "UPDATE batches SET upstream_id = ?2, created_at = ?3, object = ?4, observed_at = ?5 WHERE key = ?1",
            params![
                key_bytes(key),
                batch.id.as_str(),
                whole(batch.created_at),
                object,
                time(at)
            ],
        )?;
        self.execute(
            "INSERT INTO statuses (batch, at, object) SELECT id, ?2, ?3 FROM batches WHERE key = ?1 AND NOT EXISTS \
             (SELECT 1 FROM statuses WHERE batch = batches.id AND at = ?2 AND object = ?3)",
            params![key_bytes(key), time(at), object],
        )?;
        Ok(())
    }

    fn answered(&self, id: RequestId, outcome: &Outcome, at: Timestamp) -> Result<(), Failure> {
        let seq: Option<i64> = self
            .transaction
            .prepare_cached(
                "UPDATE requests SET state = ?3, ended_at = ?2 WHERE id = ?1 AND state <> 2 RETURNING seq",
            )?
            .query_row(params![id_bytes(id), time(at), state::ANSWERED], |row| row.get(0))
            .optional()?;
        if let Some(seq) = seq {
            let origin = match outcome.origin {
                Origin::Upstream => "upstream",
                Origin::Gateway => "gateway",
            };
            self.execute(
                "INSERT INTO outcomes (request, status, origin, body) VALUES (?1, ?2, ?3, ?4)",
                params![seq, outcome.status, origin, &*outcome.body],
            )?;
        }
        Ok(())
    }

    fn lane(&mut self, lane: &Arc<Lane>) -> Result<i64, Failure> {
        if let Some(row) = self.lanes.get(lane) {
            return Ok(*row);
        }
        let columns = params![&*lane.tenant.0, lane.endpoint.path(), &*lane.model];
        self.execute(
            "INSERT INTO lanes (tenant, endpoint, model) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            columns,
        )?;
        let row = self
            .transaction
            .prepare_cached("SELECT id FROM lanes WHERE tenant = ?1 AND endpoint = ?2 AND model = ?3")?
            .query_row(columns, |row| row.get(0))?;
        if self.lanes.len() >= KNOWN_LANES {
            self.lanes.clear();
        }
        self.lanes.insert(lane.clone(), row);
        Ok(row)
    }
}

/// An id as it stands in the file: big-endian, so that ids sort as they do in the program.
pub(super) fn id_bytes(id: RequestId) -> [u8; 16] {
    id.0.to_be_bytes()
}

fn key_bytes(key: BatchKey) -> [u8; 16] {
    key.0.to_be_bytes()
}

fn time(at: Timestamp) -> i64 {
    whole(at.0)
}

/// The file's integers have a sign; what does not fit is the upstream's nonsense and is cut.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
