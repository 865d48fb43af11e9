//! The writer's side of [`answers`](super::answers): what is fresh becomes filed.

use rusqlite::{Connection, Transaction, params};

use super::{
    answers::{Entry, Fresh},
    fault::Failure,
};

/// So many fresh answers are filed together. Among a million, two or three come into a page then; twice as many take
/// less than two mebibytes.
const MANY: usize = 16_384;
/// At least so many are filed in one commit, and at least twice as many as it adds: so the next ones do not pile up.
const SLICE: usize = 1_024;

/// What the log holds, but for what is gone since.
const LOGGED: &str = "SELECT fingerprint, ended_at, seq, n FROM fresh_answers CROSS JOIN requests ON seq = request \
    WHERE state = 2";

/// How far the filing has come, and what the commit under way changes.
#[derive(Debug)]
pub(super) struct Filing {
    fresh: Fresh,
    many: usize,
    slice: usize,
    /// The last number of the log.
    last: i64,
    /// The log's last number among those that are being filed.
    last_old: i64,
    change: Change,
}

/// Takes effect with the commit.
#[derive(Debug, Default)]
struct Change {
    added: Vec<Entry>,
    gone: Vec<Entry>,
    filed: usize,
    last: Option<i64>,
}

impl Filing {
    /// Remembers what the log holds.
    pub(super) fn open(connection: &Connection, fresh: Fresh) -> Result<Self, Failure> {
        let mut filing =
            Self { fresh, many: MANY, slice: SLICE, last: 0, last_old: 0, change: Change::default() };
        let mut statement = connection.prepare(LOGGED)?;
        let mut rows = statement.query([])?;
        let mut remembered = filing.fresh.write();
        while let Some(row) = rows.next()? {
            remembered.young.insert(Entry::new(row.get(0)?, row.get(1)?, row.get(2)?));
            filing.last = filing.last.max(row.get(3)?);
        }
        drop(remembered);
        Ok(filing)
    }

    /// A row has its answer.
    pub(super) fn add(&mut self, transaction: &Transaction<'_>, entry: Entry) -> Result<(), Failure> {
        transaction
            .prepare_cached("INSERT INTO fresh_answers (request) VALUES (?1)")?
            .execute([entry.row])?;
        self.change.last = Some(transaction.last_insert_rowid());
        self.change.added.push(entry);
        Ok(())
    }

    /// A row's answer goes.
    pub(super) fn remove(&mut self, transaction: &Transaction<'_>, entry: Entry) -> Result<(), Failure> {
        let filed = "DELETE FROM answers WHERE start = ?1 AND ended_at = ?2 AND request = ?3";
        transaction.prepare_cached(filed)?.execute(params![entry.start, entry.ended_at, entry.row])?;
        self.change.gone.push(entry);
        Ok(())
    }

    /// Files some of what is old. Nothing is removed in the same transaction.
    pub(super) fn file(&mut self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        self.turn();
        let remembered = self.fresh.read();
        if remembered.old.is_empty() {
            return Ok(());
        }
        let size = self.slice.max(2 * self.change.added.len());
        let mut insert = transaction
            .prepare_cached("INSERT OR IGNORE INTO answers (start, ended_at, request) VALUES (?1, ?2, ?3)")?;
        let slice = remembered.old.iter().take(size);
        self.change.filed = slice.len();
        for entry in slice {
            insert.execute(params![entry.start, entry.ended_at, entry.row])?;
        }
        if self.change.filed == remembered.old.len() {
            let filed = "DELETE FROM fresh_answers WHERE n <= ?1";
            transaction.prepare_cached(filed)?.execute([self.last_old])?;
        }
        Ok(())
    }

    /// What is young becomes old if there are many, and nothing else is being filed.
    fn turn(&mut self) {
        let mut remembered = self.fresh.write();
        if remembered.old.is_empty() && remembered.young.len() >= self.many {
            remembered.old = std::mem::take(&mut remembered.young).into_iter().collect();
            self.last_old = self.last;
        }
    }

    /// The transaction is durable.
    pub(super) fn committed(&mut self) {
        let Change { added, gone, filed, last } = std::mem::take(&mut self.change);
        let mut remembered = self.fresh.write();
        self.last = last.unwrap_or(self.last);
        remembered.old.drain(..filed);
        remembered.young.extend(added);
        for entry in gone {
            remembered.forget(&entry);
        }
    }

    /// The transaction was undone.
    pub(super) fn undone(&mut self) {
        self.change = Change::default();
    }
}

#[cfg(test)]
mod tests;
