//! The data folder: made private, and taken by one process at a time.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use batch_gpt_actors::ports::StoreFault;

const DATABASE: &str = "batch-gpt.sqlite";
const LOCK: &str = "lock";

/// A folder that belongs to this process until this is dropped.
pub(super) struct Place {
    /// The database file.
    pub(super) file: PathBuf,
    _lock: File,
}

/// Makes the folder if it is not there, and takes it.
pub(super) fn take(folder: &Path) -> Result<Place, StoreFault> {
    make(folder).map_err(|error| refused(folder, &error))?;
    let lock = private_file(&folder.join(LOCK)).map_err(|error| refused(folder, &error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreFault::Unusable(format!(
                "the data folder {} is in use by another batch-gpt; stop that one, or set BATCH_GPT_DATA_DIR to \
                 another folder",
                folder.display()
            )));
        }
        Err(TryLockError::Error(error)) => return Err(refused(folder, &error)),
    }
    let file = folder.join(DATABASE);
    // Made here, because SQLite gives -wal and -shm the mode that it finds on the database.
    private_file(&file).map_err(|error| refused(folder, &error))?;
    Ok(Place { file, _lock: lock })
}

fn make(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn refused(folder: &Path, error: &io::Error) -> StoreFault {
    let folder = folder.display();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::Interrupted => {
            StoreFault::Unavailable(format!("the data folder {folder}: {error}"))
        }
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => StoreFault::Unusable(format!(
            "the data folder {folder} cannot be made, because a file stands in its way; move that file, or set \
             BATCH_GPT_DATA_DIR to another folder"
        )),
        _ => StoreFault::Unusable(format!(
            "the data folder {folder} cannot be written ({error}); make it writable, or set BATCH_GPT_DATA_DIR to \
             another folder"
        )),
    }
}
