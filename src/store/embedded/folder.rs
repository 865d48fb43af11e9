//! The data folder: made private, and taken by one process at a time.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use batch_gpt_actors::ports::StoreFault;

const DATABASE: &str = "batch-gpt.sqlite";
const LOCK: &str = "lock";
/// How often a lock that is taken is tried again, and the pause before each time.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

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
    match take_lock(&lock) {
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

/// Waits a moment for a lock that is about to be free: of a process that is just ending, or of a copy of this one that
/// is just becoming another program.
fn take_lock(lock: &File) -> Result<(), TryLockError> {
    for _ in 0..LOCK_TRIES {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            other => return other,
        }
    }
    lock.try_lock()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_just_being_released_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let earlier = take(folder.path()).unwrap();
        assert!(matches!(take(folder.path()), Err(StoreFault::Unusable(_))));
        let ending = thread::spawn(move || {
            thread::sleep(LOCK_PAUSE * 3);
            drop(earlier);
        });
        assert!(take(folder.path()).is_ok());
        ending.join().unwrap();
    }
}
