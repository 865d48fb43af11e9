//! A batch in somebody's hands: what goes along with it from the BatchSubmitter to its Poller.

use std::{collections::HashSet, sync::Arc};

use crate::{
    cell::Mail,
    collector::{Collector, Ended},
    file_remover::{FileRemover, Remove},
    links::Addressee,
    ports::SpentFiles,
    rules::{
        batch::Batch,
        ids::{FileId, RequestId},
        leftover::{Attempts, Leftover, Why},
        resend::Lineage,
    },
};

/// See the module.
pub(crate) struct Job {
    /// The batch.
    pub(crate) batch: Batch,
    /// Those of its requests that had their outcome when it was taken up.
    pub(crate) answered: HashSet<RequestId>,
    /// How often its requests had been sent before.
    pub(crate) attempts: Attempts,
    /// Where it comes from.
    pub(crate) lineage: Lineage,
    /// Who has the clients.
    pub(crate) collector: Mail<Collector>,
    /// Who removes its files when it is settled.
    pub(crate) remover: Mail<FileRemover>,
}

impl Job {
    /// Whose outcomes the batch's are.
    pub(crate) fn addressee(&self) -> Addressee {
        Addressee {
            key: self.batch.key,
            batch: self.batch.upstream_id().cloned(),
            lane: self.batch.lane.clone(),
            collector: self.collector.clone(),
        }
    }

    /// Its requests that had no outcome when it was taken up.
    pub(crate) fn open(&self) -> impl Iterator<Item = RequestId> {
        self.batch.requests.iter().filter(|id| !self.answered.contains(id)).copied()
    }

    /// The same as what is left over if the batch is never executed.
    pub(crate) fn untouched(&self, why: Why) -> Arc<Leftover> {
        let requests = self.open().map(|id| (id, self.attempts.of(&id))).collect();
        Arc::new(Leftover { requests, why })
    }

    /// Tells the Collector that the batch has ended, and what is left over.
    pub(crate) fn ended(&self, leftover: Option<Arc<Leftover>>) {
        let (key, lane, lineage) = (self.batch.key, self.batch.lane.clone(), self.lineage);
        self.collector.tell(Ended { key, lane, lineage, leftover });
    }

    /// Has files of the batch removed upstream.
    pub(crate) fn remove(&self, files: &[FileId]) {
        self.remover.tell(Remove(SpentFiles { key: self.batch.key, files: files.to_vec() }));
    }
}
