//! Answers by what makes another request equal to theirs.
//!
//! Such keys are random: a commit that added some to a large table would change a page for each. So an answer is fresh
//! first: logged in the order in which it came (`fresh_answers`), and remembered here. Once there are many, they are
//! filed (`answers`, see [`filing`](super::filing)) in the order of their keys, several to a page.

use std::{
    collections::BTreeSet,
    iter::Peekable,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    vec,
};

use batch_gpt_actors::{
    ports::StoredOutcome,
    rules::{
        fingerprint::{Fingerprint, Start},
        ids::RequestId,
    },
};
use rusqlite::{Connection, Row, Rows, params};

use super::{
    fault::Failure,
    read::{number, outcome, time},
};

/// What was filed under a start, the latest first.
const FILED: &str =
    "SELECT ended_at, request FROM answers WHERE start = ?1 ORDER BY ended_at DESC, request DESC";
/// Starts of what was filed, each once.
const STARTS: &str = "SELECT DISTINCT start FROM answers WHERE start >= ?1 ORDER BY start LIMIT ?2";
/// The outcome of a row, if it answers such a request.
pub(super) const ANSWER: &str = "SELECT status, origin, ended_at, id, body \
    FROM requests JOIN outcomes ON request = seq WHERE seq = ?1 AND fingerprint = ?2 AND state = 2";
/// The same, if it is a good one that is not private.
pub(super) const REUSABLE: &str = "SELECT status, origin, ended_at, id, body \
    FROM requests JOIN outcomes ON request = seq \
    WHERE seq = ?1 AND fingerprint = ?2 AND state = 2 AND fate IS NULL AND private = 0";

/// An answer as it is filed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// Of the fingerprint.
    pub(super) start: i64,
    /// When it came, in milliseconds.
    pub(super) ended_at: i64,
    /// The request's.
    pub(super) row: i64,
}

impl Entry {
    /// That of a row with this fingerprint.
    pub(super) fn new(fingerprint: [u8; 32], ended_at: i64, row: i64) -> Self {
        Self { start: start_of(fingerprint), ended_at, row }
    }

    /// Before all others with this start.
    fn first(start: i64) -> Self {
        Self { start, ended_at: i64::MIN, row: i64::MIN }
    }

    fn age(&self) -> (i64, i64) {
        (self.ended_at, self.row)
    }
}

/// The file's numbers have a sign. They sort as the starts do.
fn column(Start(start): Start) -> i64 {
    (start ^ (1 << 63)).cast_signed()
}

fn start(column: i64) -> Start {
    Start(column.cast_unsigned() ^ (1 << 63))
}

/// The start of a fingerprint, as the file has it.
pub(super) fn start_of(fingerprint: [u8; 32]) -> i64 {
    column(Fingerprint(fingerprint).start())
}

/// The answers that are not filed yet, for all who look.
#[derive(Debug, Clone, Default)]
pub(super) struct Fresh(Arc<RwLock<Remembered>>);

/// See [`Fresh`].
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// Those that came last.
    pub(super) young: BTreeSet<Entry>,
    /// Those that are being filed, in order.
    pub(super) old: Vec<Entry>,
}

impl Fresh {
    /// For one who adds to it.
    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Remembered> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// For all others.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Remembered> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latest outcome under a fingerprint that a query finds, [`ANSWER`] or [`REUSABLE`].
    pub(super) fn answer(
        &self,
        connection: &Connection,
        query: &str,
        fingerprint: &Fingerprint,
    ) -> Result<Option<StoredOutcome>, Failure> {
        let start = column(fingerprint.start());
        // Before the table is looked at: what is filed meanwhile is in one of both.
        let fresh = self.read().under(start).into_iter().peekable();
        let mut filed = connection.prepare_cached(FILED)?;
        let mut verify = connection.prepare_cached(query)?;
        let mut latest = Latest { fresh, filed: filed.query([start])?, next: None };
        while let Some(row) = latest.next()? {
            // Starts may be equal by chance, and a request may be purged.
            let mut found = verify.query(params![row, fingerprint.0])?;
            if let Some(row) = found.next()? {
                return stored(row).map(Some);
            }
        }
        Ok(None)
    }

    /// A page of starts of fingerprints that have an outcome.
    pub(super) fn starts(
        &self,
        connection: &Connection,
        after: Option<Start>,
        limit: usize,
    ) -> Result<Vec<Start>, Failure> {
        let first = match after.map(column) {
            None => Some(i64::MIN),
            Some(after) => after.checked_add(1),
        };
        let Some(first) = first else { return Ok(Vec::new()) };
        // In this order, as above.
        let mut starts = self.read().starts(first, limit);
        let mut statement = connection.prepare_cached(STARTS)?;
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        for filed in statement.query_map([first, most], |row| row.get(0))? {
            starts.insert(filed?);
        }
        Ok(starts.into_iter().take(limit).map(start).collect())
    }
}

fn stored(row: &Row<'_>) -> Result<StoredOutcome, Failure> {
    let body: Vec<u8> = row.get(4)?;
    Ok(StoredOutcome {
        id: RequestId(number(row, 3)?),
        outcome: outcome(row, body.into())?,
        at: time(row.get(2)?),
    })
}

impl Remembered {
    /// It is not to be found any more, and not to be filed.
    pub(super) fn forget(&mut self, entry: &Entry) {
        self.young.remove(entry);
        if let Ok(at) = self.old.binary_search(entry) {
            self.old.remove(at);
        }
    }

    /// What is remembered under a start, the latest first.
    fn under(&self, start: i64) -> Vec<Entry> {
        let first = Entry::first(start);
        let both = self.young.range(first..).take_while(|entry| entry.start == start);
        let both = both.chain(self.old_from(first).iter().take_while(|entry| entry.start == start));
        let mut under: Vec<Entry> = both.copied().collect();
        under.sort_unstable_by(|one, other| other.cmp(one));
        under
    }

    /// So many starts from one on, or more.
    fn starts(&self, first: i64, limit: usize) -> BTreeSet<i64> {
        let first = Entry::first(first);
        let young = distinct(self.young.range(first..)).take(limit);
        young.chain(distinct(self.old_from(first).iter()).take(limit)).collect()
    }

    fn old_from(&self, first: Entry) -> &[Entry] {
        self.old.get(self.old.partition_point(|entry| *entry < first)..).unwrap_or_default()
    }
}

/// The starts of entries that stand in order, each once.
fn distinct<'a>(entries: impl Iterator<Item = &'a Entry>) -> impl Iterator<Item = i64> {
    let mut last = None;
    entries.map(|entry| entry.start).filter(move |start| last.replace(*start) != Some(*start))
}

/// Rows under one start out of both places, the latest first.
struct Latest<'a> {
    fresh: Peekable<vec::IntoIter<Entry>>,
    filed: Rows<'a>,
    /// Read already, as an [`Entry::age`].
    next: Option<(i64, i64)>,
}

impl Latest<'_> {
    fn next(&mut self) -> Result<Option<i64>, Failure> {
        if self.next.is_none()
            && let Some(row) = self.filed.next()?
        {
            self.next = Some((row.get(0)?, row.get(1)?));
        }
        let is_later = |fresh: &Entry| self.next.is_none_or(|filed| fresh.age() >= filed);
        if let Some(fresh) = self.fresh.next_if(is_later) {
            return Ok(Some(fresh.row));
        }
        Ok(self.next.take().map(|(_, row)| row))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::empty::Empty, *};

    #[test]
    fn no_look_walks_a_table() {
        let empty = Empty::new();
        for (query, search) in [
            (FILED, "SEARCH answers USING PRIMARY KEY (start=?)"),
            (STARTS, "SEARCH answers USING PRIMARY KEY (start>?)"),
            (ANSWER, "SEARCH requests USING INTEGER PRIMARY KEY (rowid=?)"),
            (REUSABLE, "SEARCH requests USING INTEGER PRIMARY KEY (rowid=?)"),
        ] {
            let steps = empty.plan(query);
            assert_eq!(steps[0], search, "{query}: {steps:?}");
            assert!(
                !steps.iter().any(|step| step.contains("TEMP B-TREE") || step.contains("SCAN")),
                "{steps:?}"
            );
        }
    }

    #[test]
    fn starts_sort_in_the_file_as_they_do_here() {
        let starts = [0, 1, (1 << 63) - 1, 1 << 63, u64::MAX].map(Start);
        assert!(starts.map(column).is_sorted());
        assert_eq!(starts.map(column).map(start), starts);
    }
}
