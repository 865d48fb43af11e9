//! For tests: an empty file to try statements on.

use rusqlite::Connection;
use tempfile::TempDir;

/// It goes away when this is dropped.
pub(super) struct Empty {
    pub(super) connection: Connection,
    _folder: TempDir,
}

impl Empty {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store");
        std::fs::write(&file, "").unwrap();
        Self { connection: super::schema::open_writer(&file).unwrap(), _folder: folder }
    }

    /// The steps in which SQLite would answer a query.
    pub(super) fn plan(&self, query: &str) -> Vec<String> {
        let mut plan = self.connection.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        plan.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>().unwrap()
    }
}
