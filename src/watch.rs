//! Files that may change while the gateway runs.

use std::{
    fmt::Display,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// Looks at files now and then. What replaces one, in the way of an editor or of a mounted secret, is a change, too.
#[derive(Debug)]
pub struct Watch {
    paths: Vec<PathBuf>,
    seen: Vec<Option<Stamp>>,
}

/// What differs if a file was written or replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    #[cfg(unix)]
    place: (u64, u64),
}

impl Watch {
    /// Watches from now on. What the files hold is to be read after this.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        let seen = stamps(&paths);
        Self { paths, seen }
    }

    /// Waits for the next change. Files that are there no longer have changed.
    pub async fn changed(&mut self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let paths = self.paths.clone();
            // A look at a file may take long where the file is far away.
            let now = tokio::task::spawn_blocking(move || stamps(&paths)).await;
            if let Ok(now) = now
                && now != self.seen
            {
                self.seen = now;
                return;
            }
        }
    }
}

/// Reads what is in some files again, now and whenever they change, for ever. `what` says what people call it.
pub async fn heed<E: Display>(paths: Vec<PathBuf>, what: &str, reload: impl Fn() -> Result<(), E>) {
    let mut watch = Watch::new(paths);
    loop {
        match reload() {
            Ok(()) => log::info!("{what}: in force as the files say"),
            Err(error) => log::error!("{what}: {error}; what was in force before stays so"),
        }
        watch.changed().await;
    }
}

fn stamps(paths: &[PathBuf]) -> Vec<Option<Stamp>> {
    paths.iter().map(|path| stamp(path)).collect()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some(Stamp {
        modified: metadata.modified().ok(),
        length: metadata.len(),
        #[cfg(unix)]
        place: {
            use std::os::unix::fs::MetadataExt;
            (metadata.dev(), metadata.ino())
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_comes_changes_or_goes_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let mut watch = Watch::new(vec![path.clone()]);
        fs::write(&path, "a").unwrap();
        watch.changed().await;
        fs::write(folder.path().join("g"), "b").unwrap();
        fs::rename(folder.path().join("g"), &path).unwrap();
        watch.changed().await;
        fs::remove_file(&path).unwrap();
        watch.changed().await;
    }
}
