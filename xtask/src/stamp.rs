//! What a folder was filled with, so that it is filled once.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The stamp in a folder of things that were installed.
#[derive(Debug, Clone)]
pub struct Stamp {
    path: PathBuf,
    contents: String,
}

impl Stamp {
    /// The stamp that this folder should bear.
    pub fn new(folder: &Path, contents: impl Into<String>) -> Self {
        Self { path: folder.join("stamp"), contents: contents.into() }
    }

    /// Whether the folder bears it.
    pub fn holds(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|found| found == self.contents)
    }

    /// Puts it there, once everything else is.
    pub fn put(&self) -> Result<(), String> {
        let put = fs::write(&self.path, &self.contents);
        put.map_err(|error| format!("cannot write {}: {error}", self.path.display()))
    }
}

/// Removes a folder, if it is there.
pub fn clear(folder: &Path) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| format!("cannot remove {}: {error}", folder.display()))?;
    }
    Ok(())
}
