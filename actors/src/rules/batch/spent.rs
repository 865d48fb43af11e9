//! Which of a batch's files upstream nobody needs any more.

use std::sync::Arc;

use super::Phase;
use crate::rules::{fault::Fault, ids::FileId, upstream_batch::UpstreamBatch};

/// The files, as far as that is certain: a batch that may still be there may still need them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Spent {
    files: Vec<FileId>,
    spared: bool,
}

impl Spent {
    /// They stay upstream, whatever comes.
    pub(super) fn spare(&mut self) {
        self.spared = true;
    }

    /// A call went wrong. What the upstream refused to make a batch of is no batch's file.
    pub(super) fn failed(&mut self, phase: &Phase, fault: &Fault) {
        if let Phase::Creating(file) = phase {
            self.files.clear();
            if matches!(fault, Fault::Permanent { .. }) {
                self.files.push(file.clone());
            }
        }
    }

    /// The batch has ended upstream, and every outcome in its files is durable.
    pub(super) fn ended(&mut self, batch: UpstreamBatch) {
        let files = [batch.input_file, batch.output_file, batch.error_file];
        self.files = files.into_iter().flatten().collect();
    }

    /// Those that are to be removed.
    pub(super) fn files(&self) -> Arc<[FileId]> {
        if self.spared { Arc::new([]) } else { self.files.as_slice().into() }
    }
}
