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
/// What SQLite puts beside it, and a crash leaves there.
const WAL: &str = "batch-gpt.sqlite-wal";
const SHARED_MEMORY: &str = "batch-gpt.sqlite-shm";
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
    for left_over in [WAL, SHARED_MEMORY] {
        let left_over = folder.join(left_over);
        if left_over.exists() {
            make_private(&left_over).map_err(|error| refused(folder, &error))?;
        }
    }
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
    let file = options.open(path)?;
    make_private(path)?;
    Ok(file)
}

/// A file that was there before may have come with the mode of a copy. The folder may be anybody's, and is left as it is.
fn make_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata()?.permissions());
        if mode & 0o077 != 0 {
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(path, private)?;
        }
    }
    Ok(())
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
    use std::{fs, os::unix::fs::PermissionsExt};

    use batch_gpt_actors::ports::Store;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    /// What stands in the folder, each with its mode.
    fn modes(folder: &Path) -> Vec<(String, u32)> {
        let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
        let mut modes: Vec<_> =
            entries.map(|entry| (entry.file_name().into_string().unwrap(), mode(&entry.path()))).collect();
        modes.sort();
        modes
    }

    const PRIVATE: [&str; 4] = [DATABASE, SHARED_MEMORY, WAL, LOCK];

    #[tokio::test]
    async fn nobody_else_can_read_the_folder_or_a_file_in_it() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("data");
        let store = super::super::open(&folder, "this gateway").await.unwrap();
        Store::ping(&*store).await.unwrap();
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(modes(&folder), PRIVATE.map(|name| (name.to_owned(), 0o600)));
        store.close().await;
    }

    #[tokio::test]
    async fn files_that_came_with_a_wider_mode_are_closed() {
        let folder = tempfile::tempdir().unwrap();
        let store = super::super::open(folder.path(), "this gateway").await.unwrap();
        Store::ping(&*store).await.unwrap();
        // As a crash leaves them, and a copy that asked nobody.
        let copy = tempfile::tempdir().unwrap();
        for name in PRIVATE {
            fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
            fs::set_permissions(copy.path().join(name), fs::Permissions::from_mode(0o644)).unwrap();
        }
        store.close().await;
        let store = super::super::open(copy.path(), "this gateway").await.unwrap();
        Store::ping(&*store).await.unwrap();
        assert_eq!(modes(copy.path()), PRIVATE.map(|name| (name.to_owned(), 0o600)));
        store.close().await;
    }

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
