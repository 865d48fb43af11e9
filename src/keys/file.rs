//! The file of keys: their hashes, in JSON, for nobody but its owner to write.
//!
//! It is only ever replaced as a whole, so whoever reads it finds the old keys or the new ones.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::record::KeyRecord;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    path: PathBuf,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadKeyFile {
    /// The system does not let us.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not what it should be.
    #[error("is no file of keys: {0}")]
    Malformed(String),
    /// Others than its owner may write it, and so might let themselves in.
    #[error("can be written by others (mode {0:04o}): make it 0600")]
    Writable(u32),
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    keys: Vec<KeyRecord>,
}

impl KeyFile {
    /// The file at this path, be it there or not.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All keys in it; none if it is not there.
    pub fn read(&self) -> Result<Vec<KeyRecord>, BadKeyFile> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        self.guarded()?;
        let malformed = |error: serde_json::Error| BadKeyFile::Malformed(error.to_string());
        let content: Content = serde_json::from_str(&text).map_err(malformed)?;
        match content.keys.iter().find(|record| record.key().is_none()) {
            Some(record) => Err(BadKeyFile::Malformed(format!("{} has no hash or no name", record.id))),
            None => Ok(content.keys),
        }
    }

    /// Changes what is in it. Whoever else does so waits meanwhile.
    pub fn change<T>(&self, change: impl FnOnce(&mut Vec<KeyRecord>) -> T) -> Result<T, BadKeyFile> {
        let lock = private().create(true).truncate(false).write(true).open(self.lock())?;
        lock.lock()?;
        let mut keys = self.read()?;
        let result = change(&mut keys);
        self.write(&Content { keys })?;
        Ok(result)
    }

    fn lock(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".lock");
        name.into()
    }

    /// Replaces it. A new file of ours has mode 0600.
    fn write(&self, content: &Content) -> Result<(), BadKeyFile> {
        // Where the name is a link, what it leads to is replaced.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        let text = serde_json::to_string_pretty(content).map_err(io::Error::from)?;
        writeln!(file, "{text}")?;
        keep_owner(&path, file.as_file())?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()?;
        Ok(())
    }

    #[cfg(unix)]
    fn guarded(&self) -> Result<(), BadKeyFile> {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&self.path)?.permissions().mode() & 0o777;
        if mode & 0o022 != 0 {
            return Err(BadKeyFile::Writable(mode));
        }
        if mode & 0o044 != 0 {
            log::warn!("{} can be read by others (mode {mode:04o}): make it 0600", self.path.display());
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn guarded(&self) -> Result<(), BadKeyFile> {
        Ok(())
    }
}

/// Who runs the gateway owns the file, whoever makes a key.
#[cfg(unix)]
fn keep_owner(path: &Path, file: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let Ok(before) = fs::metadata(path) else { return Ok(()) };
    let now = file.metadata()?;
    if (before.uid(), before.gid()) == (now.uid(), now.gid()) {
        return Ok(());
    }
    fchown(file, Some(before.uid()), Some(before.gid()))
}

#[cfg(not(unix))]
fn keep_owner(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn private() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use batch_gpt_actors::rules::{lane::Tenant, time::Timestamp};

    use super::*;
    use crate::keys::record::NewKey;

    fn record(tenant: &str) -> KeyRecord {
        NewKey::make(Tenant(tenant.into()), Timestamp(0), None).unwrap().record
    }

    #[test]
    fn what_is_written_by_many_at_a_time_is_all_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::at(folder.path().join("keys.json"));
        assert_eq!(file.read().unwrap(), []);
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let file = file.clone();
                thread::spawn(move || {
                    for _ in 0..5 {
                        file.change(|keys| keys.push(record(&format!("t{writer}")))).unwrap();
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert_eq!(file.read().unwrap().len(), 40);
    }

    #[test]
    fn what_is_no_file_of_keys_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::at(folder.path().join("keys.json"));
        for text in ["", "{", "[]", r#"{"keys":[{"id":"a"}]}"#, r#"{"keys":[],"more":1}"#] {
            private().create(true).truncate(true).write(true).open(file.path()).unwrap();
            fs::write(file.path(), text).unwrap();
            assert!(matches!(file.read(), Err(BadKeyFile::Malformed(_))), "{text}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn it_is_its_owners_alone_and_one_that_others_can_write_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::at(folder.path().join("keys.json"));
        file.change(|keys| keys.push(record("a"))).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(file.path()), mode(&file.lock())), (0o600, 0o600));
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o620)).unwrap();
        assert!(matches!(file.read(), Err(BadKeyFile::Writable(0o620))));
        assert!(file.change(|_| ()).is_err());
    }
}
