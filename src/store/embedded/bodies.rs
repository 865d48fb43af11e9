//! Bodies out of the file: by themselves, or as the lines of a batch.

use batch_gpt_actors::rules::{ids::RequestId, lane::Endpoint, lines};
use bytes::{Bytes, BytesMut};
use rusqlite::Connection;

use super::{
    fault::Failure,
    rows::{rows, runs},
};

/// The bodies of a run of requests.
pub(super) const BODIES: &str =
    "SELECT request, body FROM bodies WHERE request BETWEEN ?1 AND ?2 ORDER BY request";

/// Bodies of requests, in the order asked.
pub(super) fn bodies(connection: &Connection, ids: &[RequestId]) -> Result<Vec<(RequestId, Bytes)>, Failure> {
    let mut found = Vec::with_capacity(ids.len());
    each_body(connection, ids, |id, body| found.push((id, Bytes::copy_from_slice(body))))?;
    Ok(found)
}

/// Lines of a batch's file, in the order asked, each written once.
pub(super) fn compose(
    connection: &Connection,
    ids: &[RequestId],
    endpoint: Endpoint,
    bytes: u64,
) -> Result<Bytes, Failure> {
    let mut composed = BytesMut::with_capacity(usize::try_from(bytes).unwrap_or_default());
    let write = |id, body: &[u8]| lines::write(&mut composed, id, endpoint, body);
    each_body(connection, ids, write)?;
    Ok(composed.freeze())
}

/// Takes each body where SQLite has it, in the order asked.
fn each_body(
    connection: &Connection,
    ids: &[RequestId],
    mut take: impl FnMut(RequestId, &[u8]),
) -> Result<(), Failure> {
    // One look at the file for all of them: each look of its own takes locks, and has the log of writes searched anew.
    let snapshot = connection.unchecked_transaction()?;
    let standing = rows(&snapshot, ids)?;
    let mut statement = snapshot.prepare_cached(BODIES)?;
    for run in runs(&standing) {
        let (Some((_, first)), Some((_, last))) = (run.first(), run.last()) else { continue };
        let mut left = run.iter();
        let mut rows = statement.query([first, last])?;
        while let Some(row) = rows.next()? {
            let at: i64 = row.get(0)?;
            let body = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            // Some may be swept.
            if let Some((id, _)) = left.find(|(_, row)| *row == at) {
                take(*id, body);
            }
        }
    }
    Ok(())
}
