//! Where requests stand in the file.
//!
//! Rows stand in the order of acceptance, and so do the lines of a batch. So those of a batch mostly follow each other,
//! and a run of them costs a fraction of as many single ones.

use batch_gpt_actors::rules::ids::RequestId;
use rusqlite::{Connection, OptionalExtension, params};

use super::{commit::id_bytes, fault::Failure, read::number};

/// Ids that are looked for together.
const LOT: usize = 250;
/// Rows that are looked at for a lot. Where more lie between its ids, single look-ups are cheaper.
const NEAR_ROWS: i64 = 2 * LOT as i64;

/// Requests whose ids lie between two, in the order of their ids.
const NEAR: &str = "SELECT id, seq FROM requests WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3";
/// One request.
const ROW: &str = "SELECT seq FROM requests WHERE id = ?1";

/// A request and its row.
pub(super) type Standing = (RequestId, i64);

/// The rows of requests, in the order asked; a request that is not there is left out.
pub(super) fn rows(connection: &Connection, ids: &[RequestId]) -> Result<Vec<Standing>, Failure> {
    let mut found = Vec::with_capacity(ids.len());
    let mut one = connection.prepare_cached(ROW)?;
    for lot in ids.chunks(LOT) {
        let near = near(connection, lot)?;
        for id in lot {
            let row = match near.binary_search_by_key(id, |(id, _)| *id) {
                Ok(at) => near.get(at).map(|(_, row)| *row),
                Err(_) => one.query_row([id_bytes(*id)], |row| row.get(0)).optional()?,
            };
            found.extend(row.map(|row| (*id, row)));
        }
    }
    Ok(found)
}

/// Some of these requests and of what lies between them, in the order of their ids.
fn near(connection: &Connection, lot: &[RequestId]) -> Result<Vec<Standing>, Failure> {
    let (Some(first), Some(last)) = (lot.iter().min(), lot.iter().max()) else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(NEAR)?;
    let mut rows = statement.query(params![id_bytes(*first), id_bytes(*last), NEAR_ROWS])?;
    let mut near = Vec::with_capacity(lot.len());
    while let Some(row) = rows.next()? {
        near.push((RequestId(number(row, 0)?), row.get(1)?));
    }
    Ok(near)
}

/// Cuts where one row does not follow the other.
pub(super) fn runs(rows: &[Standing]) -> impl Iterator<Item = &[Standing]> {
    rows.chunk_by(|(_, row), (_, next)| row + 1 == *next)
}

#[cfg(test)]
mod tests {
    use super::{super::empty::Empty, *};

    #[test]
    fn no_look_walks_the_table() {
        let empty = Empty::new();
        for (query, search) in [
            (NEAR, "SEARCH requests USING COVERING INDEX sqlite_autoindex_requests_1 (id>? AND id<?)"),
            (ROW, "SEARCH requests USING COVERING INDEX sqlite_autoindex_requests_1 (id=?)"),
            (super::super::bodies::BODIES, "SEARCH bodies USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
            (
                super::super::commit::INTO_BATCH,
                "SEARCH requests USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
            ),
        ] {
            let steps = empty.plan(query);
            assert_eq!(steps, [search], "{query}");
        }
    }

    #[test]
    fn rows_are_found_in_any_order_wherever_they_stand() {
        let empty = Empty::new();
        let connection = &empty.connection;
        let id = |number: i64| RequestId(u128::try_from(number).unwrap() << 64);
        let mut insert = connection
            .prepare(
                "INSERT INTO requests (seq, id, fingerprint, lane, accepted_at, state) \
                 VALUES (?1, ?2, zeroblob(32), 1, 5, 0)",
            )
            .unwrap();
        // Some were accepted in another order than that of their ids.
        let row = |number: i64| if number % 10 == 3 { number + 10_000 } else { number };
        for number in 1..=2_000 {
            insert.execute(params![row(number), id_bytes(id(number))]).unwrap();
        }
        let all: Vec<i64> = (1..=2_000).collect();
        let every_ninth: Vec<i64> = (1..=222).map(|number| number * 9).collect();
        let backwards: Vec<i64> = (1..=2_000).rev().collect();
        let partly_there: Vec<i64> = (1_990..=2_010).collect();
        for asked in [all, every_ninth, backwards, partly_there] {
            let ids: Vec<RequestId> = asked.iter().map(|number| id(*number)).collect();
            let there = asked.iter().filter(|number| **number <= 2_000);
            let expected: Vec<Standing> = there.map(|number| (id(*number), row(*number))).collect();
            let found = rows(connection, &ids).unwrap();
            assert_eq!(found, expected);
            assert_eq!(runs(&found).flatten().copied().collect::<Vec<_>>(), expected);
        }
    }
}
