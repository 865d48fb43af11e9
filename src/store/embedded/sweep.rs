//! What has been kept long enough goes, in steps of the thread that writes.
//!
//! There is no index by the end of a request: every answer would pay for it. Rows stand in the order of acceptance, so a
//! sweep walks each table from its beginning, and stops where nothing that follows can be due.

use std::time::Duration;

use batch_gpt_actors::{
    ports::Swept,
    rules::{
        retention::{Due, Ended, Place, Walk},
        time::Timestamp,
        upstream_batch::UpstreamBatch,
    },
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{super::state, answers::Entry, commit::Commit, fault::Failure, read::time, schema::PATIENCE};

/// Rows that one step looks at.
const ROWS: i64 = 250;
/// Bytes after which a step stops removing. A longer one would hold up the records behind it.
const BYTES: u64 = 1 << 20;

/// A walk over requests. Each row says its place in the walk, its request, and the bytes that go with it.
macro_rules! walk {
    (from $from:literal, bytes $bytes:literal, such $such:literal, by $by:literal) => {
        concat!(
            "SELECT requests.seq, requests.state, accepted_at, ended_at, requests.batch, batches.id, settled_at, ",
            $bytes,
            " FROM ",
            $from,
            " LEFT JOIN batches ON batches.id = requests.batch WHERE ",
            $such,
            $by,
            " > ?1 ORDER BY ",
            $by,
            " LIMIT ?2"
        )
    };
}

/// Requests that are to be emptied.
const PURGED: &str = walk!(
    from "requests INDEXED BY requests_purged",
    bytes "ifnull((SELECT length(body) FROM bodies WHERE request = seq), 0) \
         + ifnull((SELECT length(body) FROM outcomes WHERE request = seq), 0)",
    such "requests.state = 4 AND ",
    by "requests.seq"
);
const BODIES: &str = walk!(
    from "bodies CROSS JOIN requests ON requests.seq = bodies.request",
    bytes "length(bodies.body)",
    such "",
    by "bodies.request"
);
const ANSWERS: &str = walk!(
    from "outcomes CROSS JOIN requests ON requests.seq = outcomes.request",
    bytes "length(outcomes.body)",
    such "",
    by "outcomes.request"
);
const REQUESTS: &str = walk!(from "requests", bytes "0", such "", by "requests.seq");
/// Batches. The last one stays: its number must not come twice.
const BATCHES: &str = "SELECT id, sealed_at, settled_at, observed_at, key, object, spent FROM batches \
    WHERE id > ?1 AND id < (SELECT max(id) FROM batches) ORDER BY id LIMIT ?2";

/// How far a sweep has come.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sweep {
    walk: Walk,
    /// The row that was looked at last.
    at: i64,
    /// Whether anything went so far.
    pub(super) has_removed: bool,
}

impl Sweep {
    /// Looks at some rows of one walk, and removes those that are due. Returns what went, and from where to go on.
    pub(super) fn step(mut self, commit: &mut Commit<'_>, due: &Due) -> Result<(Swept, Self), Failure> {
        let mut swept = Swept::default();
        loop {
            let rest = match self.walk.end(due) {
                Some(end) => {
                    let mut step = Step { commit: &mut *commit, due, end, swept, bytes: 0 };
                    let rest = match self.walk {
                        Walk::Batches => step.batches(self.at)?,
                        // They are among the batches.
                        Walk::Native => None,
                        walk => step.requests(walk, self.at)?,
                    };
                    swept = step.swept;
                    rest
                }
                None => None,
            };
            let Swept { bodies, answers, requests, batches, .. } = swept;
            self.has_removed |= bodies + answers + requests + batches > 0;
            if let Some(at) = rest {
                swept.more = true;
                return Ok((swept, Self { at, ..self }));
            }
            match self.walk.next() {
                Some(walk) => self = Self { walk, at: 0, ..self },
                None => return Ok((swept, self)),
            }
        }
    }
}

/// One step of one walk.
struct Step<'a, 'b> {
    commit: &'a mut Commit<'b>,
    due: &'a Due,
    /// Rows from this time on are not due.
    end: Timestamp,
    swept: Swept,
    bytes: u64,
}

/// A row of a walk over requests.
struct Found {
    seq: i64,
    accepted_at: Timestamp,
    request: Ended,
    bytes: u64,
}

impl Step<'_, '_> {
    /// Looks at requests behind a row. Returns the row to go on from; nothing if the walk is over.
    fn requests(&mut self, walk: Walk, behind: i64) -> Result<Option<i64>, Failure> {
        let query = match walk {
            Walk::Purged => PURGED,
            Walk::Bodies => BODIES,
            Walk::Answers => ANSWERS,
            Walk::Requests | Walk::Batches | Walk::Native => REQUESTS,
        };
        let transaction = self.commit.transaction;
        let mut statement = transaction.prepare_cached(query)?;
        let found: Vec<Found> = statement.query_map((behind, ROWS), found)?.collect::<Result<_, _>>()?;
        let is_last = found.len() < ROWS as usize;
        let mut at = behind;
        for row in found {
            if row.accepted_at >= self.end {
                return Ok(None);
            }
            at = row.seq;
            self.request(walk, &row)?;
            if self.bytes >= BYTES {
                return Ok(Some(at));
            }
        }
        Ok((!is_last).then_some(at))
    }

    fn request(&mut self, walk: Walk, row: &Found) -> Result<(), Failure> {
        let (due, request) = (self.due, &row.request);
        match walk {
            Walk::Purged if due.takes_body(request) => self.empty(row.seq)?,
            Walk::Purged => {
                self.swept.waits = true;
                return Ok(());
            }
            Walk::Bodies if due.takes_body(request) => self.body(row.seq)?,
            Walk::Answers if due.takes_answer(request) => self.answer(row.seq)?,
            Walk::Requests if due.takes_request(request) => {
                self.empty(row.seq)?;
                self.swept.requests +=
                    self.commit.execute("DELETE FROM requests WHERE seq = ?1", [row.seq])?;
            }
            _ => return Ok(()),
        }
        self.bytes += row.bytes;
        Ok(())
    }

    fn empty(&mut self, seq: i64) -> Result<(), Failure> {
        self.body(seq)?;
        self.answer(seq)
    }

    fn body(&mut self, seq: i64) -> Result<(), Failure> {
        self.swept.bodies += self.commit.execute("DELETE FROM bodies WHERE request = ?1", [seq])?;
        Ok(())
    }

    fn answer(&mut self, seq: i64) -> Result<(), Failure> {
        self.swept.answers += self.commit.execute("DELETE FROM outcomes WHERE request = ?1", [seq])?;
        let emptied = "UPDATE requests SET state = ?2 WHERE seq = ?1 AND state IN (2, 4) \
            RETURNING fingerprint, ended_at";
        let mut emptied = self.commit.transaction.prepare_cached(emptied)?;
        let found = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?));
        let emptied = emptied.query_row(params![seq, state::EMPTIED], found).optional()?;
        if let Some((fingerprint, Some(ended_at))) = emptied {
            self.commit.filing.remove(self.commit.transaction, Entry::new(fingerprint, ended_at, seq))?;
        }
        Ok(())
    }

    /// Looks at batches behind a row, as [`Self::requests`].
    fn batches(&mut self, behind: i64) -> Result<Option<i64>, Failure> {
        let transaction = self.commit.transaction;
        let mut statement = transaction.prepare_cached(BATCHES)?;
        let rows: Vec<(i64, Timestamp, Option<Timestamp>)> =
            statement.query_map((behind, ROWS), batch)?.collect::<Result<_, _>>()?;
        let is_last = rows.len() < ROWS as usize;
        let mut at = behind;
        for (id, sealed_at, ended) in rows {
            if sealed_at >= self.end {
                return Ok(None);
            }
            at = id;
            if self.due.takes_batch(ended) {
                self.commit.execute("DELETE FROM statuses WHERE batch = ?1", [id])?;
                self.commit.execute("DELETE FROM lines WHERE batch = ?1", [id])?;
                self.swept.batches += self.commit.execute("DELETE FROM batches WHERE id = ?1", [id])?;
            }
        }
        Ok((!is_last).then_some(at))
    }
}

fn found(row: &Row<'_>) -> rusqlite::Result<Found> {
    let state: i32 = row.get(1)?;
    let (batch, known, settled): (Option<i64>, Option<i64>, Option<i64>) =
        (row.get(4)?, row.get(5)?, row.get(6)?);
    let place = match (batch, known, settled) {
        (None, _, _) => Place::Nowhere,
        (Some(_), Some(_), None) => Place::Unsettled,
        // A batch that is gone was settled.
        (Some(_), _, _) => Place::Settled,
    };
    let ended_at = row.get::<_, Option<i64>>(3)?.filter(|_| state >= state::ANSWERED);
    let request = Ended { at: ended_at.map(time), place, purged: state == state::PURGED };
    let bytes = u64::try_from(row.get::<_, i64>(7)?).unwrap_or(0);
    Ok(Found { seq: row.get(0)?, accepted_at: time(row.get(2)?), request, bytes })
}

/// A batch: its row, when it was sealed, and when it ended, if nothing is left to do for it. A client's own has ended
/// when the upstream said so.
fn batch(row: &Row<'_>) -> rusqlite::Result<(i64, Timestamp, Option<Timestamp>)> {
    let (settled_at, observed_at): (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
    let ended = if row.get_ref(4)?.as_blob_or_null()?.is_some() {
        settled_at
    } else {
        let object = row.get_ref(5)?.as_str_or_null()?.unwrap_or_default();
        let seen = UpstreamBatch::parse(object);
        observed_at.filter(|_| seen.is_ok_and(|batch| batch.status.is_terminal()))
    };
    let has_files = row.get_ref(6)?.as_str_or_null()?.is_some();
    Ok((row.get(0)?, time(row.get(1)?), ended.filter(|_| !has_files).map(time)))
}

/// Who reads out of the log of writes is waited for this long. Nothing is written meanwhile.
const READERS_END: Duration = Duration::from_millis(250);

/// Gives the log of writes back to the disk, if nobody reads out of it for long.
pub(super) fn tidy(connection: &Connection) {
    let truncate = || {
        connection.busy_timeout(READERS_END)?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))
    };
    let truncated = truncate();
    let patient = connection.busy_timeout(PATIENCE);
    match truncated.and_then(|is_read| patient.map(|()| is_read)) {
        Ok(false) => {}
        Ok(true) => log::warn!("the store's log of writes stays as long as it is: somebody reads out of it"),
        Err(error) => log::warn!("the store's log of writes stays as long as it is: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use batch_gpt_actors::{
        ports::Store,
        rules::{
            fingerprint::Fingerprint,
            ids::{BatchKey, RequestId},
            lane::{Endpoint, Lane, Tenant},
            outcome::{Origin, Outcome},
            record::{Accepted, Record},
            retention::Retention,
            terms::Keeping,
            time::Millis,
        },
    };

    use super::{super::empty::Empty, *};

    #[test]
    fn no_walk_sorts_or_begins_anywhere_but_where_the_last_one_stopped() {
        let empty = Empty::new();
        for (query, search) in [
            (PURGED, "SEARCH requests USING INDEX requests_purged (seq>?)"),
            (BODIES, "SEARCH bodies USING INTEGER PRIMARY KEY (rowid>?)"),
            (ANSWERS, "SEARCH outcomes USING INTEGER PRIMARY KEY (rowid>?)"),
            (REQUESTS, "SEARCH requests USING INTEGER PRIMARY KEY (rowid>?)"),
            (BATCHES, "SEARCH batches USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        ] {
            let steps = empty.plan(query);
            assert_eq!(steps[0], search, "{query}: {steps:?}");
            assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{query}: {steps:?}");
        }
    }

    /// A hundred answered requests of 64 KiB each.
    async fn fill(store: &dyn Store, round: u128) {
        let lane =
            Lane { tenant: Tenant::anonymous(), endpoint: Endpoint::ChatCompletions, model: "m".into() };
        let (lane, key, at) = (Arc::new(lane), BatchKey(round), Timestamp(5));
        let body = bytes::Bytes::from(vec![b'b'; 64 << 10]);
        let ids: Vec<RequestId> = (0..100).map(|number| RequestId(round * 1_000 + number)).collect();
        for id in &ids {
            let request = Accepted {
                id: *id,
                lane: lane.clone(),
                fingerprint: Fingerprint([0; 32]),
                at,
                attempts: 0,
                keeping: Keeping::default(),
            };
            store.append(&[Record::Accepted { request, body: body.clone() }]).await.unwrap();
        }
        let said = Outcome { status: 200, body, origin: Origin::Upstream };
        let outcomes = ids.iter().map(|id| (*id, said.clone())).collect();
        let group = [
            Record::Sealed { key, lane, requests: ids.into(), at },
            Record::Answered { key, outcomes, at },
            Record::Settled { key, returned: [].into(), spent: [].into(), at },
        ];
        store.append(&group).await.unwrap();
    }

    fn length(folder: &Path, name: &str) -> u64 {
        folder.join(name).metadata().unwrap().len()
    }

    #[tokio::test]
    async fn space_is_used_again_and_the_log_of_writes_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = super::super::open(folder.path(), "this gateway").await.unwrap();
        let month = Some(Millis::from_secs(30 * 86_400));
        let due = Retention { bodies: month, answers: month, statuses: month }.due(Timestamp(1 << 40));
        let mut first = 0;
        for round in 1..=4 {
            fill(&*store, round).await;
            while store.sweep(&due).await.unwrap().more {}
            assert_eq!(length(folder.path(), "batch-gpt.sqlite-wal"), 0);
            let now = length(folder.path(), "batch-gpt.sqlite");
            if round == 1 {
                first = now;
            }
            assert!(now < first + first / 10, "round {round}: {first} bytes became {now}");
        }
        store.close().await;
        let kept = std::fs::read(folder.path().join("batch-gpt.sqlite")).unwrap();
        assert!(!kept.windows(64).any(|window| window == [b'b'; 64]), "what was removed is overwritten");
    }
}
