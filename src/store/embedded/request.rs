//! One request, and how it stands.

use batch_gpt_actors::{
    ports::{Standing, StoredRequest},
    rules::{fingerprint::Fingerprint, ids::RequestId, record::Accepted},
};
use bytes::Bytes;
use rusqlite::Connection;

use super::{
    super::state,
    commit::id_bytes,
    fault::Failure,
    read::{Lanes, outcome, time},
};

/// A request with its end, if it has one. The columns of the end come first, as everywhere.
pub(super) const REQUEST: &str = "SELECT status, origin, body, lane, fingerprint, accepted_at, state, attempts \
    FROM requests LEFT JOIN outcomes ON outcomes.request = seq WHERE id = ?1";

/// One request by its id.
pub(super) fn request(connection: &Connection, id: RequestId) -> Result<Option<StoredRequest>, Failure> {
    let mut statement = connection.prepare_cached(REQUEST)?;
    let mut rows = statement.query([id_bytes(id)])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let request = Accepted {
        id,
        lane: Lanes::default().get(connection, row.get(3)?)?,
        fingerprint: Fingerprint(row.get(4)?),
        at: time(row.get(5)?),
        attempts: row.get(7)?,
    };
    let standing = match row.get(6)? {
        state::OPEN => Standing::Open,
        state::SEALED => Standing::Sealed,
        state::ANSWERED => {
            let body: Vec<u8> = row.get(2)?;
            Standing::Answered(outcome(row, Bytes::from(body))?)
        }
        state::WITHDRAWN => Standing::Withdrawn,
        other => return Err(Failure::Damaged(format!("a request in state {other}"))),
    };
    Ok(Some(StoredRequest { request, standing }))
}
