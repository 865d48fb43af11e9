//! The file's layout, how it came to be, and how it is opened.

use std::{path::Path, time::Duration};

use batch_gpt_actors::ports::StoreFault;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig, functions::FunctionFlags};

use super::{answers::start_of, fault::Failure};

/// "bgpt": tells this file from any other SQLite file.
const APPLICATION: i32 = 0x6267_7074;

/// Somebody else's lock on the file (a shell, a backup) is waited for this long.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Step `n` leads from version `n` to `n + 1`. Steps are only ever added.
const MIGRATIONS: &[&str] = &[
    // States of a request: 0 open, 1 in a batch, 2 answered, 3 withdrawn; later 4 and 5 (`store::state`). The row is narrow and
    // apart from the body, because a whole batch's rows change at once. `ended_at` is when it was answered or
    // withdrawn.
    //
    // A batch's lines are one value, in order: a request may be a line of a second batch after a first one gave it
    // no answer. They stand apart from the batch, whose row is written again with every status.
    //
    // A client's own batch has neither key nor lane. The upstream's id is not unique: a paid batch is
    // recorded even where an upstream gives a name twice.
    "CREATE TABLE lanes (
        id INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL,
        endpoint TEXT NOT NULL,
        model TEXT NOT NULL,
        UNIQUE (tenant, endpoint, model)
    ) STRICT;
    CREATE TABLE requests (
        seq INTEGER PRIMARY KEY,
        id BLOB NOT NULL UNIQUE,
        fingerprint BLOB NOT NULL,
        lane INTEGER NOT NULL,
        accepted_at INTEGER NOT NULL,
        state INTEGER NOT NULL,
        batch INTEGER,
        ended_at INTEGER
    ) STRICT;
    CREATE INDEX requests_pending ON requests (state) WHERE state < 2;
    CREATE INDEX requests_answered ON requests (fingerprint, ended_at) WHERE state = 2;
    CREATE TABLE bodies (
        request INTEGER PRIMARY KEY,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE outcomes (
        request INTEGER PRIMARY KEY,
        status INTEGER NOT NULL,
        origin TEXT NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE batches (
        id INTEGER PRIMARY KEY,
        key BLOB UNIQUE,
        lane INTEGER,
        tenant TEXT NOT NULL,
        sealed_at INTEGER NOT NULL,
        file TEXT,
        uploaded_at INTEGER,
        upstream_id TEXT,
        created_at INTEGER,
        object TEXT,
        observed_at INTEGER,
        settled_at INTEGER,
        owner TEXT NOT NULL,
        lease_until INTEGER
    ) STRICT;
    CREATE INDEX batches_unsettled ON batches (sealed_at) WHERE settled_at IS NULL;
    CREATE INDEX batches_upstream ON batches (upstream_id) WHERE upstream_id IS NOT NULL;
    CREATE INDEX batches_listed ON batches (created_at, upstream_id) WHERE upstream_id IS NOT NULL;
    CREATE INDEX batches_listed_of_tenant ON batches (tenant, created_at, upstream_id)
        WHERE upstream_id IS NOT NULL;
    CREATE TABLE lines (
        batch INTEGER PRIMARY KEY,
        requests BLOB NOT NULL
    ) STRICT;
    CREATE TABLE statuses (
        id INTEGER PRIMARY KEY,
        batch INTEGER NOT NULL,
        at INTEGER NOT NULL,
        object TEXT NOT NULL
    ) STRICT;
    CREATE INDEX statuses_of_batch ON statuses (batch, at);
    CREATE TABLE pulse (beats INTEGER NOT NULL) STRICT;
    INSERT INTO pulse VALUES (0);",
    // How often a request has been sent without an outcome; and when somebody had the gateway cancel a batch.
    "ALTER TABLE requests ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE batches ADD COLUMN cancelled_at INTEGER;",
    // Files that clients made themselves, and whose they are.
    "CREATE TABLE files (
        id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        made_at INTEGER NOT NULL
    ) STRICT;",
    // On which terms a request was taken, how it ended if not well (`store::state`), and whose it is: so that requests
    // are listed out of an index. Those for the rare ends hold nothing else.
    "ALTER TABLE requests ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
    ALTER TABLE requests ADD COLUMN private INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE requests ADD COLUMN key BLOB;
    ALTER TABLE requests ADD COLUMN fate INTEGER;
    UPDATE requests SET tenant = (SELECT tenant FROM lanes WHERE lanes.id = requests.lane), fate = CASE
        WHEN state = 3 THEN 3
        WHEN (SELECT status FROM outcomes WHERE request = seq) NOT BETWEEN 200 AND 299 THEN 1
    END;
    CREATE INDEX requests_of_tenant ON requests (tenant, id);
    CREATE INDEX requests_by_fate ON requests (fate, id) WHERE fate IS NOT NULL;
    CREATE INDEX requests_by_fate_of_tenant ON requests (tenant, fate, id) WHERE fate IS NOT NULL;
    CREATE INDEX requests_keyed ON requests (key) WHERE key IS NOT NULL;",
    // Files of a settled batch that are to be removed upstream; and requests that are to be emptied (`store::state`).
    "ALTER TABLE batches ADD COLUMN spent TEXT;
    CREATE INDEX batches_spent ON batches (id) WHERE spent IS NOT NULL;
    CREATE INDEX requests_purged ON requests (seq) WHERE state = 4;",
    // What is pending, by a column that only its end changes: 50,000 rows change their state when a batch is sealed.
    "DROP INDEX requests_pending;
    CREATE INDEX requests_pending ON requests (ended_at) WHERE ended_at IS NULL;",
    // Answers by the start of their request's fingerprint, written in bulk, and a log of those that are not among them
    // (`answers`).
    "CREATE TABLE answers (
        start INTEGER NOT NULL,
        ended_at INTEGER NOT NULL,
        request INTEGER NOT NULL,
        PRIMARY KEY (start, ended_at, request)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE fresh_answers (
        n INTEGER PRIMARY KEY,
        request INTEGER NOT NULL
    ) STRICT;
    INSERT INTO answers SELECT start_of(fingerprint), ended_at, seq FROM requests WHERE state = 2 ORDER BY 1, 2, 3;
    DROP INDEX requests_answered;",
];

/// Opens the file for writing; makes or brings forward its layout.
pub(super) fn open_writer(file: &Path) -> Result<Connection, StoreFault> {
    let at_file = |failure: Failure| failure.in_file(file);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = connect(file, flags).map_err(at_file)?;
    // SQLite falls back to reading where it may not write, and says so only at the first write.
    if connection.is_readonly("main").map_err(|error| at_file(error.into()))? {
        return Err(StoreFault::Unusable(format!(
            "{} cannot be written; make it writable, or set BATCH_GPT_DATA_DIR to another folder",
            file.display()
        )));
    }
    let version = identify(&connection, file)?;
    prepare(&mut connection, version).map_err(at_file)?;
    Ok(connection)
}

/// Opens the file for reading. The writer must have it open already.
pub(super) fn open_reader(file: &Path) -> Result<Connection, StoreFault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    connect(file, flags).map_err(|failure| failure.in_file(file))
}

fn connect(file: &Path, flags: OpenFlags) -> Result<Connection, Failure> {
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Or else a query over a range is planned anew for every range.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

/// The version of the file's layout; a fault if it is somebody else's or newer than this program.
fn identify(connection: &Connection, file: &Path) -> Result<usize, StoreFault> {
    let number = |pragma: &str| {
        connection
            .pragma_query_value(None, pragma, |row| row.get::<_, i32>(0))
            .map_err(|error| Failure::from(error).in_file(file))
    };
    let file_name = file.display();
    let (application, version) = (number("application_id")?, number("user_version")?);
    let empty = number("schema_version")? == 0;
    if application != APPLICATION && !(empty && application == 0) {
        return Err(StoreFault::Unusable(format!(
            "{file_name} is a database of another program; set BATCH_GPT_DATA_DIR to another folder"
        )));
    }
    match usize::try_from(version) {
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        _ => Err(StoreFault::Unusable(format!(
            "{file_name} was written by a newer batch-gpt (layout {version}, this one knows up to {}); start that \
             version, or set BATCH_GPT_DATA_DIR to another folder",
            MIGRATIONS.len()
        ))),
    }
}

fn prepare(connection: &mut Connection, version: usize) -> Result<(), Failure> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Failure::Damaged(format!("its journal stays in mode {mode}")));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What is removed is overwritten, and does not linger in a page that nobody uses.
    connection.pragma_update(None, "secure_delete", true)?;
    // A burst of large bodies must not leave a large WAL behind for ever.
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    let deterministic = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("start_of", 1, deterministic, |call| call.get(0).map(start_of))?;
    let migration = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in &MIGRATIONS[version..] {
        migration.execute_batch(step)?;
    }
    migration.pragma_update(None, "application_id", APPLICATION)?;
    migration.pragma_update(None, "user_version", MIGRATIONS.len() as i32)?;
    // Written even when nothing was to be migrated: a file that cannot be written is found now.
    migration.execute("UPDATE pulse SET beats = beats + 1", [])?;
    Ok(migration.commit()?)
}

#[cfg(test)]
mod tests {
    use batch_gpt_actors::{
        ports::{RequestPage, Store},
        rules::{
            fingerprint::Fingerprint, ids::RequestId, lane::Tenant, record::replay, stage::Stage,
            time::Timestamp,
        },
    };

    use super::*;

    #[tokio::test]
    async fn what_an_older_version_left_open_is_taken_up() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("batch-gpt.sqlite");
        let old = Connection::open(&file).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.execute_batch(
            "INSERT INTO lanes VALUES (1, 'default', '/v1/chat/completions', 'm');
             INSERT INTO requests VALUES (1, zeroblob(16), zeroblob(32), 1, 5, 0, NULL, NULL);
             INSERT INTO bodies VALUES (1, x'7b7d');
             INSERT INTO requests VALUES (2, x'00000000000000000000000000000002', zeroblob(32), 1, 5, 2, NULL, 6);
             INSERT INTO outcomes VALUES (2, 502, 'gateway', x'7b7d');",
        )
        .unwrap();
        old.pragma_update(None, "application_id", APPLICATION).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        drop(old);
        let store = super::super::open(folder.path(), "this gateway").await.unwrap();
        let found = replay(Store::unfinished(&*store).await.unwrap());
        assert_eq!(found.open.iter().map(|request| request.attempts).collect::<Vec<_>>(), [0]);
        let page = RequestPage { tenant: Some(Tenant::anonymous()), limit: 5, ..RequestPage::default() };
        let listed = Store::summaries(&*store, &page).await.unwrap().unwrap();
        let stages: Vec<_> = listed.items.iter().map(|item| item.stage).collect();
        assert_eq!(stages, [Stage::Failed, Stage::Queued]);
        let answer = Store::answer(&*store, &Fingerprint([0; 32])).await.unwrap().unwrap();
        assert_eq!((answer.id, answer.at), (RequestId(2), Timestamp(6)));
        store.close().await;
    }
}
