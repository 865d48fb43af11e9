//! The result files of a batch.

use bytes::Bytes;

use crate::file::{RESULT_PURPOSE, StoredFile};
use crate::identifier::Identifiers;
use crate::knobs::NoErrorFile;
use crate::world::State;

impl State {
    /// Makes both result files visible while they are still empty (contract, case 52).
    pub(crate) fn announce_files(&mut self, position: usize, now_ms: u64, identifiers: &Identifiers) {
        let output = self.write_file(position, "output", Bytes::new(), now_ms, identifiers);
        let error = self.write_file(position, "error", Bytes::new(), now_ms, identifiers);
        if let Some(batch) = self.batches.get_mut(position) {
            batch.output_file_id = output;
            batch.error_file_id = error;
        }
    }

    /// Stores the result files of a batch that ended and shows what it used (contract, section 2.3).
    pub(crate) fn publish_results(&mut self, position: usize, now_ms: u64, identifiers: &Identifiers) {
        let Some(batch) = self.batches.get_mut(position) else {
            return;
        };
        // What is left in a batch that ended is small, so that a simulator can run for long.
        let (Some(plan), Some(results)) = (batch.plan.take(), &mut batch.results) else {
            return;
        };
        let (output, error) = (std::mem::take(&mut results.output), std::mem::take(&mut results.error));
        let no_error_file = if batch.fate.zero_byte_error_file {
            NoErrorFile::ZeroByteFile
        } else {
            self.knobs.no_error_file
        };
        batch.model = Some(format!("{}{}", plan.model, self.knobs.snapshot_suffix));
        if let (Some(output_id), Some(error_id)) = (&batch.output_file_id, &batch.error_file_id) {
            self.files.fill(output_id, output);
            self.files.fill(error_id, error);
            return;
        }
        let output_id = if output.is_empty() {
            None
        } else {
            self.write_file(position, "output", output, now_ms, identifiers)
        };
        let error_id = match (error.is_empty(), no_error_file) {
            (true, NoErrorFile::Null) => None,
            (true, NoErrorFile::EmptyString) => Some(String::new()),
            _ => self.write_file(position, "error", error, now_ms, identifiers),
        };
        if let Some(batch) = self.batches.get_mut(position) {
            batch.output_file_id = output_id;
            batch.error_file_id = error_id;
        }
    }

    fn write_file(
        &mut self,
        position: usize,
        kind: &str,
        content: Bytes,
        now_ms: u64,
        identifiers: &Identifiers,
    ) -> Option<String> {
        let batch = self.batches.get(position)?;
        let id = identifiers.next("file-");
        let late_ms = batch.fate.content_late_ms;
        let expires_after = batch.request.output_expires_after;
        self.files.add(StoredFile {
            id: id.clone(),
            project: batch.project,
            purpose: RESULT_PURPOSE.to_owned(),
            filename: format!("{}_{kind}.jsonl", batch.id),
            content,
            created_ms: now_ms,
            late_ms,
            expires_after,
        });
        Some(id)
    }
}
