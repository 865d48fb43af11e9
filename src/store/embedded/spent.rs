//! Files upstream that are to be removed.

use batch_gpt_actors::{
    ports::SpentFiles,
    rules::ids::{BatchKey, FileId},
};
use rusqlite::Connection;

use super::{fault::Failure, read::number};

/// Batches whose files are to be removed.
const SPENT: &str = "SELECT key, spent FROM batches WHERE spent IS NOT NULL AND key IS NOT NULL ORDER BY id";

/// Ids as one value, a line each.
pub(super) fn to_text(files: &[FileId]) -> String {
    files.iter().map(FileId::as_str).collect::<Vec<_>>().join("\n")
}

/// All of them, oldest batch first.
pub(super) fn files(connection: &Connection) -> Result<Vec<SpentFiles>, Failure> {
    let mut statement = connection.prepare_cached(SPENT)?;
    let mut rows = statement.query([])?;
    let mut spent = Vec::new();
    while let Some(row) = rows.next()? {
        let files = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        spent.push(SpentFiles {
            key: BatchKey(number(row, 0)?),
            files: files.lines().map(FileId::from).collect(),
        });
    }
    Ok(spent)
}
