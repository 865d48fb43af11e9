//! One commit: records become rows.

use std::{collections::HashMap, sync::Arc};

use batch_gpt_actors::rules::{
    ids::{BatchKey, FileId, RequestId},
    lane::{Lane, Tenant},
    outcome::{Origin, Outcome},
    record::{Accepted, Record},
    stage::Stage,
    time::Timestamp,
    upstream_batch::UpstreamBatch,
};
use rusqlite::{OptionalExtension, Transaction, params};

use super::{
    super::{lines, state},
    answers::Entry,
    fault::Failure,
    filing::Filing,
    rows::{rows, runs},
};

/// Lanes whose row is remembered. Clients spell the models, so their number has no bound of its own.
const KNOWN_LANES: usize = 4096;

/// Requests of a run become lines of a batch. A cancellation may have been faster than this; its request is a line all
/// the same.
pub(super) const INTO_BATCH: &str = "UPDATE requests SET state = max(state, ?4), batch = ?3 \
    WHERE seq BETWEEN ?1 AND ?2 AND (state < 2 OR batch IS NULL)";

/// One commit under way.
pub(super) struct Commit<'a> {
    /// The transaction.
    pub(super) transaction: &'a Transaction<'a>,
    /// Lanes whose row is known.
    pub(super) lanes: &'a mut HashMap<Arc<Lane>, i64>,
    /// Where answers are found.
    pub(super) filing: &'a mut Filing,
    /// Who seals.
    pub(super) owner: &'a str,
}

impl Commit<'_> {
    /// Runs a statement and gives the number of rows it changed.
    pub(super) fn execute(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize, Failure> {
        Ok(self.transaction.prepare_cached(sql)?.execute(params)?)
    }

    /// Writes one record. Nothing changes if it stands there already.
    pub(super) fn write(&mut self, record: &Record) -> Result<(), Failure> {
        match record {
            Record::Accepted { request, body } => self.accepted(request, body),
            Record::Withdrawn { id, at } => self
                .execute(
                    "UPDATE requests SET state = ?3, ended_at = ?2, fate = ?4 WHERE id = ?1 AND state < 2",
                    params![id_bytes(*id), time(*at), state::WITHDRAWN, state::fate::WITHDRAWN],
                )
                .map(drop),
            Record::Sealed { key, lane, requests, at } => self.sealed(*key, lane, requests, *at),
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
            Record::Answered { outcomes, at, .. } => {
                outcomes.iter().try_for_each(|(id, outcome)| self.answered(*id, outcome, *at))
            }
            Record::Cancelled { key, at } => self
                .execute(
                    "UPDATE batches SET cancelled_at = ?2 WHERE key = ?1 AND cancelled_at IS NULL",
                    params![key_bytes(*key), time(*at)],
                )
                .map(drop),
            Record::Settled { key, returned, spent, at } => self.settled(*key, returned, spent, *at),
            Record::FilesRemoved { key, .. } => self
                .execute("UPDATE batches SET spent = NULL WHERE key = ?1", params![key_bytes(*key)])
                .map(drop),
            Record::Purged { id, .. } => self
                .execute(
                    "UPDATE requests SET state = ?2 WHERE id = ?1 AND state >= 2",
                    params![id_bytes(*id), state::PURGED],
                )
                .map(drop),
            Record::FileMade { tenant, file, at } => self
                .execute(
                    "INSERT INTO files (id, tenant, made_at) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE \
                     SET tenant = excluded.tenant, made_at = excluded.made_at WHERE excluded.made_at > made_at",
                    params![file.as_str(), &*tenant.0, time(*at)],
                )
                .map(drop),
            Record::NativeBatch { tenant, batch, at } => self.native_batch(tenant, batch, *at),
        }
    }

    fn settled(
        &self,
        key: BatchKey,
        returned: &[(RequestId, u32)],
        spent: &[FileId],
        at: Timestamp,
    ) -> Result<(), Failure> {
        let spent = (!spent.is_empty()).then(|| super::spent::to_text(spent));
        self.execute(
            "UPDATE batches SET settled_at = ?2, spent = ?3 WHERE key = ?1 AND settled_at IS NULL",
            params![key_bytes(key), time(at), spent],
        )?;
        let mut counted = self.transaction.prepare_cached(
            "UPDATE requests SET attempts = ?2 WHERE id = ?1 AND attempts < ?2 AND state < 2",
        )?;
        // One that is in another batch by now stays there.
        let mut open_again = self.transaction.prepare_cached(
            "UPDATE requests SET state = ?3, batch = NULL WHERE id = ?1 AND state = ?4 \
             AND batch = (SELECT id FROM batches WHERE key = ?2)",
        )?;
        for (id, attempts) in returned {
            counted.execute(params![id_bytes(*id), attempts])?;
            open_again.execute(params![id_bytes(*id), key_bytes(key), state::OPEN, state::SEALED])?;
        }
        Ok(())
    }

    /// Settled from the beginning: it is its client's business, and no start takes it up.
    fn native_batch(&self, tenant: &Tenant, batch: &UpstreamBatch, at: Timestamp) -> Result<(), Failure> {
        let (id, created_at, object) = (batch.id.as_str(), whole(batch.created_at), batch.raw.get());
        self.execute(
            "INSERT INTO batches (tenant, sealed_at, upstream_id, created_at, object, observed_at, settled_at, owner) \
             SELECT ?2, ?5, ?1, ?3, ?4, ?5, ?5, ?6 \
             WHERE NOT EXISTS (SELECT 1 FROM batches WHERE upstream_id = ?1 AND key IS NULL)",
            params![id, &*tenant.0, created_at, object, time(at), self.owner],
        )?;
        self.execute(
            "UPDATE batches SET created_at = ?2, object = ?3, observed_at = ?4 \
             WHERE upstream_id = ?1 AND key IS NULL AND observed_at < ?4",
            params![id, created_at, object, time(at)],
        )?;
        self.execute(
            "INSERT INTO statuses (batch, at, object) SELECT id, ?2, ?3 FROM batches WHERE upstream_id = ?1 \
             AND key IS NULL AND NOT EXISTS \
             (SELECT 1 FROM statuses WHERE batch = batches.id AND at = ?2 AND object = ?3)",
            params![id, time(at), object],
        )?;
        Ok(())
    }

    fn accepted(&mut self, request: &Accepted, body: &[u8]) -> Result<(), Failure> {
        let lane = self.lane(&request.lane)?;
        let new = self.execute(
            "INSERT INTO requests (id, fingerprint, lane, accepted_at, state, tenant, private, key) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO NOTHING",
            params![
                id_bytes(request.id),
                request.fingerprint.0,
                lane,
                time(request.at),
                state::OPEN,
                &*request.lane.tenant.0,
                request.keeping.private,
                request.keeping.key.map(|key| key.0),
            ],
        )?;
        if new == 1 {
            let seq = self.transaction.last_insert_rowid();
            self.execute("INSERT INTO bodies (request, body) VALUES (?1, ?2)", params![seq, body])?;
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
        self.execute(
            "INSERT INTO lines (batch, requests) VALUES (?1, ?2)",
            params![batch, lines::to_bytes(requests)],
        )?;
        let standing = rows(self.transaction, requests)?;
        let mut into_batch = self.transaction.prepare_cached(INTO_BATCH)?;
        for run in runs(&standing) {
            let (Some((_, first)), Some((_, last))) = (run.first(), run.last()) else { continue };
            into_batch.execute(params![first, last, batch, state::SEALED])?;
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

    fn answered(&mut self, id: RequestId, outcome: &Outcome, at: Timestamp) -> Result<(), Failure> {
        let fate = state::fate::of(Stage::of(outcome));
        let answered = self
            .transaction
            .prepare_cached(
                "UPDATE requests SET state = ?3, ended_at = ?2, fate = ?4 \
                 WHERE id = ?1 AND state NOT IN (2, 4, 5) RETURNING fingerprint, seq",
            )?
            .query_row(params![id_bytes(id), time(at), state::ANSWERED, fate], |row| {
                Ok(Entry::new(row.get(0)?, time(at), row.get(1)?))
            })
            .optional()?;
        if let Some(entry) = answered {
            let origin = match outcome.origin {
                Origin::Upstream => "upstream",
                Origin::Gateway => "gateway",
            };
            self.execute(
                "INSERT INTO outcomes (request, status, origin, body) VALUES (?1, ?2, ?3, ?4)",
                params![entry.row, outcome.status, origin, &*outcome.body],
            )?;
            self.filing.add(self.transaction, entry)?;
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

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// The log of statuses is for people, so no query of the store reads it.
    #[tokio::test]
    async fn every_status_is_logged_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = super::super::open(folder.path(), "this gateway").await.unwrap();
        let lane = Arc::new(Lane {
            tenant: batch_gpt_actors::rules::lane::Tenant::anonymous(),
            endpoint: batch_gpt_actors::rules::lane::Endpoint::ChatCompletions,
            model: "m".into(),
        });
        let (key, at) = (BatchKey(1), Timestamp(5));
        let batch = |status| UpstreamBatch::parse(&format!(r#"{{"id":"b","status":"{status}"}}"#)).unwrap();
        let group = [
            Record::Sealed { key, lane, requests: Arc::new([]), at },
            Record::Created { key, batch: batch("validating"), at },
            Record::Observed { key, batch: batch("in_progress"), at },
            Record::Observed { key, batch: batch("completed"), at: Timestamp(6) },
        ];
        for _ in 0..2 {
            store.append(&group).await.unwrap();
        }
        store.close().await;
        let file = Connection::open(folder.path().join("batch-gpt.sqlite")).unwrap();
        let mut log =
            file.prepare("SELECT at || ' ' || (object ->> 'status') FROM statuses ORDER BY id").unwrap();
        let log: Vec<String> = log.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(log, ["5 validating", "5 in_progress", "6 completed"]);
        let lease: (String, Option<i64>) = file
            .query_row("SELECT owner, lease_until FROM batches", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(lease, ("this gateway".into(), None));
    }
}
