//! What went wrong in the file, and what the caller may do about it.

use std::path::Path;

use batch_gpt_actors::ports::StoreFault;
use rusqlite::ErrorCode;

/// Why a statement gave nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// SQLite refused.
    Sqlite(rusqlite::Error),
    /// What stands in the file is not what this gateway writes.
    Damaged(String),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Failure {
    /// The same, for somebody who does not know which file it was.
    pub(super) fn in_file(self, file: &Path) -> StoreFault {
        let error = match self {
            Self::Damaged(what) => return damaged(file, &what),
            Self::Sqlite(error) => error,
        };
        let file_name = file.display();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => StoreFault::Unusable(format!(
                "{file_name} is not a database; move it away to start with an empty store, or set BATCH_GPT_DATA_DIR \
                 to another folder"
            )),
            Some(ErrorCode::DatabaseCorrupt) => damaged(file, &error.to_string()),
            Some(ErrorCode::DiskFull) => {
                StoreFault::Unavailable(format!("the disk is full, {file_name} cannot grow"))
            }
            // Bad statements and values are faults of this program: the same call cannot go well later.
            Some(
                ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch
                | ErrorCode::ApiMisuse
                | ErrorCode::ParameterOutOfRange
                | ErrorCode::TooBig
                | ErrorCode::Unknown,
            ) => StoreFault::Unusable(format!("{file_name} refused what it should take: {error}")),
            Some(_) => StoreFault::Unavailable(format!("{file_name}: {error}")),
            // Not SQLite's own: a column that does not read as what was written there.
            None => damaged(file, &error.to_string()),
        }
    }
}

fn damaged(file: &Path, what: &str) -> StoreFault {
    StoreFault::Unusable(format!(
        "{} is damaged ({what}); put a copy back in its place, or move it away to start with an empty store",
        file.display()
    ))
}
