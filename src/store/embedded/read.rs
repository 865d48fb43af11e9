//! The threads that read, and the queries.
//!
//! Reads are short: a long one would keep the WAL from being taken back into the file.

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Sender},
    },
    thread::JoinHandle,
};

use batch_gpt_actors::{
    ports::{Listing, Page, StoredBatch},
    rules::{
        fingerprint::Fingerprint,
        idempotency::IdempotencyKey,
        ids::{BatchId, BatchKey, FileId, RequestId},
        lane::{Lane, Tenant},
        outcome::{Origin, Outcome},
        record::{Accepted, Record},
        terms::Keeping,
        time::Timestamp,
        upstream_batch::UpstreamBatch,
    },
};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, params, types::Value};
use serde_json::value::RawValue;

use super::{super::lines, commit::id_bytes, fault::Failure};

/// Accepted and without an outcome. The index is named, or else the planner would walk the table in its order.
pub(super) const PENDING: &str = "SELECT id, lane, fingerprint, accepted_at, attempts, private, key \
    FROM requests INDEXED BY requests_pending WHERE ended_at IS NULL AND state < 2 ORDER BY seq";
/// Sealed and not settled.
pub(super) const UNSETTLED: &str = "SELECT key, lane, requests, sealed_at, file, uploaded_at, object, observed_at, cancelled_at \
    FROM batches JOIN lines ON lines.batch = batches.id WHERE settled_at IS NULL ORDER BY sealed_at, key";
/// The end of one request, without its body.
pub(super) const END: &str =
    "SELECT status, origin, ended_at FROM requests JOIN outcomes ON request = seq WHERE id = ?1";
/// A batch by its upstream id, for a tenant or for everybody.
pub(super) const BATCH: &str = "SELECT key, object, iif(key IS NULL, tenant, NULL), created_at \
    FROM batches \
    WHERE upstream_id = ?1 AND (?2 IS NULL OR tenant = ?2) ORDER BY id DESC LIMIT 1";
/// A page of everybody's batches.
pub(super) const LISTED: &str = "SELECT key, object, iif(key IS NULL, tenant, NULL) FROM batches \
    WHERE upstream_id IS NOT NULL AND (created_at, upstream_id) < (?1, ?2) \
    ORDER BY created_at DESC, upstream_id DESC LIMIT ?3";
/// A page of one tenant's batches; apart, so that each walks its own index.
pub(super) const LISTED_OF_TENANT: &str = "SELECT key, object, iif(key IS NULL, tenant, NULL) FROM batches \
    WHERE upstream_id IS NOT NULL AND tenant = ?4 AND (created_at, upstream_id) < (?1, ?2) \
    ORDER BY created_at DESC, upstream_id DESC LIMIT ?3";

/// Whether a file is a tenant's.
pub(super) const OWN_FILE: &str = "SELECT 1 FROM files WHERE id = ?1 AND tenant = ?2";

/// A query and whom to tell.
pub(super) type Job = Box<dyn FnOnce(&Connection) + Send>;

/// Starts a thread per connection; they share one queue and end when every sender is gone.
pub(super) fn start(connections: Vec<Connection>) -> io::Result<(Sender<Job>, Vec<JoinHandle<()>>)> {
    let (sender, jobs) = mpsc::channel::<Job>();
    let jobs = Arc::new(Mutex::new(jobs));
    let threads = connections.into_iter().map(|connection| {
        let jobs = jobs.clone();
        let work = move || {
            loop {
                // Held while waiting: whoever holds it is next.
                let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                match job {
                    Ok(job) => job(&connection),
                    Err(_) => return,
                }
            }
        };
        std::thread::Builder::new().name("store-reader".into()).spawn(work)
    });
    Ok((sender, threads.collect::<io::Result<_>>()?))
}

/// All unfinished work, from the partial indexes: settled work costs nothing here.
pub(super) fn unfinished(connection: &Connection) -> Result<Vec<Record>, Failure> {
    let snapshot = connection.unchecked_transaction()?;
    let mut lanes = Lanes::default();
    let mut records = Vec::new();
    let mut pending = HashSet::new();
    let mut statement = snapshot.prepare_cached(PENDING)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let request = Accepted {
            id: RequestId(number(row, 0)?),
            lane: lanes.get(&snapshot, row.get(1)?)?,
            fingerprint: Fingerprint(row.get(2)?),
            at: time(row.get(3)?),
            attempts: row.get(4)?,
            keeping: keeping(row, 5)?,
        };
        pending.insert(request.id);
        records.push(Record::Accepted { request, body: Bytes::new() });
    }
    let mut statement = snapshot.prepare_cached(UNSETTLED)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        batch_records(&snapshot, row, &mut lanes, &pending, &mut records)?;
    }
    Ok(records)
}

fn batch_records(
    snapshot: &Connection,
    row: &Row<'_>,
    lanes: &mut Lanes,
    pending: &HashSet<RequestId>,
    records: &mut Vec<Record>,
) -> Result<(), Failure> {
    let key = BatchKey(number(row, 0)?);
    let lines = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
    let requests =
        lines::from_bytes(lines).ok_or_else(|| Failure::Damaged("a batch's lines are cut".into()))?;
    let sealed_at = time(row.get(3)?);
    records.push(Record::Sealed {
        key,
        lane: lanes.get(snapshot, row.get(1)?)?,
        requests: requests.clone(),
        at: sealed_at,
    });
    if let Some(file) = row.get::<_, Option<String>>(4)? {
        records.push(Record::Uploaded {
            key,
            file: FileId(file.into()),
            at: row.get::<_, Option<i64>>(5)?.map_or(sealed_at, time),
        });
    }
    if let Some(object) = row.get::<_, Option<String>>(6)? {
        let batch = UpstreamBatch::parse(&object).map_err(|error| Failure::Damaged(error.to_string()))?;
        records.push(Record::Created {
            key,
            batch,
            at: row.get::<_, Option<i64>>(7)?.map_or(sealed_at, time),
        });
    }
    if let Some(at) = row.get::<_, Option<i64>>(8)? {
        records.push(Record::Cancelled { key, at: time(at) });
    }
    let mut statement = snapshot.prepare_cached(END)?;
    let (mut outcomes, mut at) = (Vec::new(), sealed_at);
    for id in requests.iter().filter(|id| !pending.contains(id)) {
        let mut rows = statement.query([id_bytes(*id)])?;
        if let Some(row) = rows.next()? {
            outcomes.push((*id, outcome(row, Bytes::new())?));
            at = at.max(time(row.get(2)?));
        }
    }
    if !outcomes.is_empty() {
        records.push(Record::Answered { key, outcomes: outcomes.into(), at });
    }
    Ok(())
}

/// One batch by its upstream id.
pub(super) fn batch(
    connection: &Connection,
    tenant: Option<&Tenant>,
    id: &BatchId,
) -> Result<Option<StoredBatch>, Failure> {
    let mut statement = connection.prepare_cached(BATCH)?;
    let mut rows = statement.query(params![id.as_str(), tenant.map(|tenant| &*tenant.0)])?;
    rows.next()?.map(stored_batch).transpose()
}

/// A page of batches; `None` where its `after` is not there.
pub(super) fn batches(connection: &Connection, page: &Page) -> Result<Option<Listing<StoredBatch>>, Failure> {
    let tenant = page.tenant.as_ref().map(|tenant| &*tenant.0);
    // The first page starts behind everything: a blob sorts after any text.
    let mut behind = (i64::MAX, Value::Blob(Vec::new()));
    if let Some(after) = &page.after {
        let place = connection
            .prepare_cached(BATCH)?
            .query_row(params![after.as_str(), tenant], |row| row.get(3))
            .optional()?;
        match place {
            Some(created_at) => behind = (created_at, Value::Text(after.as_str().into())),
            None => return Ok(None),
        }
    }
    let (created_at, id) = behind;
    // One more than asked tells whether there is more.
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut statement;
    let mut rows = match tenant {
        None => {
            statement = connection.prepare_cached(LISTED)?;
            statement.query(params![created_at, id, limit])?
        }
        Some(tenant) => {
            statement = connection.prepare_cached(LISTED_OF_TENANT)?;
            statement.query(params![created_at, id, limit, tenant])?
        }
    };
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        if items.len() == page.limit {
            return Ok(Some(Listing { items, has_more: true }));
        }
        items.push(stored_batch(row)?);
    }
    Ok(Some(Listing { items, has_more: false }))
}

fn stored_batch(row: &Row<'_>) -> Result<StoredBatch, Failure> {
    let key: Option<[u8; 16]> = row.get(0)?;
    let object = RawValue::from_string(row.get(1)?).map_err(|error| Failure::Damaged(error.to_string()))?;
    Ok(StoredBatch {
        key: key.map(|key| BatchKey(u128::from_be_bytes(key))),
        native: row.get::<_, Option<String>>(2)?.map(|tenant| Tenant(tenant.into())),
        object: object.into(),
    })
}

/// Those of these files that are the tenant's own.
pub(super) fn own_files(
    connection: &Connection,
    tenant: &Tenant,
    files: &[FileId],
) -> Result<Vec<FileId>, Failure> {
    let mut statement = connection.prepare_cached(OWN_FILE)?;
    let mut own = Vec::new();
    for file in files {
        if statement.exists(params![file.as_str(), &*tenant.0])? {
            own.push(file.clone());
        }
    }
    Ok(own)
}

/// Columns 0 and 1 of every query that reads outcomes.
pub(super) fn outcome(row: &Row<'_>, body: Bytes) -> Result<Outcome, Failure> {
    let origin = match row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)? {
        "upstream" => Origin::Upstream,
        "gateway" => Origin::Gateway,
        other => return Err(Failure::Damaged(format!("an outcome made by {other:?}"))),
    };
    Ok(Outcome { status: row.get(0)?, body, origin })
}

/// Two columns of every query that reads requests.
pub(super) fn keeping(row: &Row<'_>, first: usize) -> Result<Keeping, Failure> {
    let key: Option<[u8; 32]> = row.get(first + 1)?;
    Ok(Keeping { private: row.get(first)?, key: key.map(IdempotencyKey) })
}

pub(super) fn number(row: &Row<'_>, column: usize) -> Result<u128, Failure> {
    Ok(u128::from_be_bytes(row.get(column)?))
}

pub(super) fn time(milliseconds: i64) -> Timestamp {
    Timestamp(u64::try_from(milliseconds).unwrap_or(0))
}

/// Lanes by their row, each read once.
#[derive(Default)]
pub(super) struct Lanes(HashMap<i64, Arc<Lane>>);

impl Lanes {
    pub(super) fn get(&mut self, connection: &Connection, row: i64) -> Result<Arc<Lane>, Failure> {
        if let Some(lane) = self.0.get(&row) {
            return Ok(lane.clone());
        }
        let mut statement =
            connection.prepare_cached("SELECT tenant, endpoint, model FROM lanes WHERE id = ?1")?;
        let (tenant, endpoint, model): (String, String, String) =
            statement.query_row([row], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let lane = Arc::new(Lane {
            tenant: Tenant(tenant.into()),
            endpoint: endpoint
                .parse()
                .map_err(|_| Failure::Damaged(format!("a lane of endpoint {endpoint:?}")))?,
            model: model.into(),
        });
        self.0.insert(row, lane.clone());
        Ok(lane)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::empty::Empty, *};

    /// A start, an answer and a listing must not grow with what is over and done.
    #[test]
    fn no_query_walks_a_table() {
        let empty = Empty::new();
        for (query, index, sorts) in [
            (PENDING, "requests_pending", false),
            (UNSETTLED, "batches_unsettled", true),
            (END, "sqlite_autoindex_requests_1", false),
            (super::super::request::REQUEST, "sqlite_autoindex_requests_1", false),
            (super::super::request::KEYED, "requests_keyed", false),
            (super::super::summaries::LINES, "sqlite_autoindex_batches_1", false),
            (BATCH, "batches_upstream", false),
            (LISTED, "batches_listed", false),
            (LISTED_OF_TENANT, "batches_listed_of_tenant", false),
            (OWN_FILE, "sqlite_autoindex_files_1", false),
        ] {
            let steps = empty.plan(query);
            assert!(
                steps[0].contains(&format!("INDEX {index} ")) || steps[0].ends_with(index),
                "{query}: {steps:?}"
            );
            assert_eq!(steps.iter().any(|step| step.contains("TEMP B-TREE")), sorts, "{query}: {steps:?}");
        }
    }
}
