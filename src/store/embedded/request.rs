//! One request, and how it stands.

use batch_gpt_actors::{
    ports::{Standing, StoredRequest},
    rules::{fingerprint::Fingerprint, idempotency::IdempotencyKey, ids::RequestId, record::Accepted},
};
use bytes::Bytes;
use rusqlite::{Connection, Row, ToSql};

use super::{
    super::state,
    commit::id_bytes,
    fault::Failure,
    read::{Lanes, keeping, number, outcome, time},
};

/// A request with its end, if it has one. The columns of the end come first, as everywhere.
macro_rules! select {
    ($where:literal) => {
        concat!(
            "SELECT status, origin, body, lane, fingerprint, accepted_at, state, attempts, private, key, id \
             FROM requests LEFT JOIN outcomes ON outcomes.request = seq WHERE ",
            $where
        )
    };
}

/// By its id.
pub(super) const REQUEST: &str = select!("id = ?1");
/// By its key, the latest first; a key is free again when its request was withdrawn or its outcome is gone.
pub(super) const KEYED: &str = select!("key = ?1 AND state < 3 ORDER BY seq DESC LIMIT 1");

/// One request by its id.
pub(super) fn request(connection: &Connection, id: RequestId) -> Result<Option<StoredRequest>, Failure> {
    find(connection, REQUEST, id_bytes(id))
}

/// One request by its key.
pub(super) fn keyed(connection: &Connection, key: &IdempotencyKey) -> Result<Option<StoredRequest>, Failure> {
    find(connection, KEYED, key.0)
}

fn find(connection: &Connection, query: &str, by: impl ToSql) -> Result<Option<StoredRequest>, Failure> {
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query([by])?;
    rows.next()?.map(|row| stored(connection, row)).transpose()
}

fn stored(connection: &Connection, row: &Row<'_>) -> Result<StoredRequest, Failure> {
    let request = Accepted {
        id: RequestId(number(row, 10)?),
        lane: Lanes::default().get(connection, row.get(3)?)?,
        fingerprint: Fingerprint(row.get(4)?),
        at: time(row.get(5)?),
        attempts: row.get(7)?,
        keeping: keeping(row, 8)?,
    };
    let standing = match row.get(6)? {
        state::OPEN => Standing::Open,
        state::SEALED => Standing::Sealed,
        state::ANSWERED => {
            let body: Vec<u8> = row.get(2)?;
            Standing::Answered(outcome(row, Bytes::from(body))?)
        }
        state::WITHDRAWN => Standing::Withdrawn,
        state::PURGED | state::EMPTIED => Standing::Removed,
        other => return Err(Failure::Damaged(format!("a request in state {other}"))),
    };
    Ok(StoredRequest { request, standing })
}
