//! Stored files.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde::Serialize;

use crate::expiry::{DEFAULT_SECONDS, ExpiresAfter};

/// Whose objects a caller sees: one project per configured key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Project(pub(crate) usize);

/// Purposes an upload may have (contract, section 1.1).
pub(crate) const UPLOAD_PURPOSES: [&str; 6] =
    ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"];

/// The purpose of result files.
pub(crate) const RESULT_PURPOSE: &str = "batch_output";

/// A file and its content.
#[derive(Clone, Debug)]
pub(crate) struct StoredFile {
    pub(crate) id: String,
    pub(crate) project: Project,
    pub(crate) purpose: String,
    pub(crate) filename: String,
    pub(crate) content: Bytes,
    pub(crate) created_ms: u64,
    /// Milliseconds for which the content cannot be read.
    pub(crate) late_ms: u64,
    pub(crate) expires_after: Option<ExpiresAfter>,
}

/// A file as the API shows it.
#[derive(Serialize)]
pub(crate) struct FileView<'a> {
    id: &'a str,
    object: &'static str,
    bytes: usize,
    created_at: u64,
    expires_at: Option<u64>,
    filename: &'a str,
    purpose: &'a str,
    status: &'static str,
    status_details: Option<()>,
}

impl StoredFile {
    pub(crate) fn view(&self) -> FileView<'_> {
        FileView {
            id: &self.id,
            object: "file",
            bytes: self.content.len(),
            created_at: self.created_ms / 1000,
            expires_at: self.expires_at(),
            filename: &self.filename,
            purpose: &self.purpose,
            status: "processed",
            status_details: None,
        }
    }

    /// Whether the API hands the content out again.
    pub(crate) fn is_downloadable(&self) -> bool {
        !matches!(self.purpose.as_str(), "assistants" | "user_data" | "vision")
    }

    /// Seconds since the Unix epoch; batch files expire by default, others only on request.
    fn expires_at(&self) -> Option<u64> {
        let default = matches!(self.purpose.as_str(), "batch" | RESULT_PURPOSE).then_some(DEFAULT_SECONDS);
        let seconds = self.expires_after.map(|expiry| expiry.seconds).or(default)?;
        Some((self.created_ms / 1000).saturating_add(seconds))
    }

    fn is_live(&self, now_ms: u64) -> bool {
        self.expires_at().is_none_or(|expires_at| now_ms / 1000 < expires_at)
    }
}

/// All files, found by id and listed by age. An expired file is treated as if it were deleted.
#[derive(Debug, Default)]
pub(crate) struct Files {
    by_age: BTreeMap<(u64, u64), StoredFile>,
    keys: HashMap<String, (u64, u64)>,
    added: u64,
}

impl Files {
    pub(crate) fn add(&mut self, file: StoredFile) {
        let key = (file.created_ms, self.added);
        self.added += 1;
        self.keys.insert(file.id.clone(), key);
        self.by_age.insert(key, file);
    }

    pub(crate) fn get(&self, project: Project, id: &str, now_ms: u64) -> Option<&StoredFile> {
        let file = self.by_age.get(self.keys.get(id)?)?;
        (file.project == project && file.is_live(now_ms)).then_some(file)
    }

    /// Removes a file; whether there was one.
    pub(crate) fn delete(&mut self, project: Project, id: &str, now_ms: u64) -> bool {
        if self.get(project, id, now_ms).is_none() {
            return false;
        }
        self.keys.remove(id).and_then(|key| self.by_age.remove(&key)).is_some()
    }

    /// Replaces the content of a file that was announced before it was written.
    pub(crate) fn fill(&mut self, id: &str, content: Bytes) {
        if let Some(file) = self.keys.get(id).and_then(|key| self.by_age.get_mut(key)) {
            file.content = content;
        }
    }

    /// The files of a project, oldest first.
    pub(crate) fn list(&self, project: Project, now_ms: u64) -> impl Iterator<Item = &StoredFile> {
        self.by_age.values().filter(move |file| file.project == project && file.is_live(now_ms))
    }
}
