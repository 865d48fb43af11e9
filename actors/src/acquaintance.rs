//! Whether the store may know a request at all. Most requests are new, and asking the store about each of them would cost
//! as much as recording it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use crate::{
    ports::{Store, StoreFault},
    rules::{fingerprint::Fingerprint, seen::Seen},
};

/// Fingerprints that are read at once.
const PAGE: usize = 4096;
/// Pause after the store failed.
const RETRY: Duration = Duration::from_secs(1);
/// How often the store may fail. Then every request is looked for, as before everything was read.
const TRIES: usize = 60;

/// The fingerprints of all requests that the store may have an answer for, shared by all Collectors. It works because a
/// gateway is alone on its journal.
#[derive(Debug, Clone, Default)]
pub(crate) struct Acquaintance(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    seen: Mutex<Seen>,
    /// What earlier lives answered is in it.
    complete: AtomicBool,
}

impl Acquaintance {
    /// Notes a request of this life, or one that an earlier life left open.
    pub(crate) fn note(&self, fingerprint: &Fingerprint) {
        self.seen().insert(fingerprint.start());
    }

    /// Whether the store may have an answer for it. `false` is certain.
    pub(crate) fn may_know(&self, fingerprint: &Fingerprint) -> bool {
        !self.0.complete.load(SeqCst) || self.seen().may_have(fingerprint.start())
    }

    /// Reads what earlier lives answered. Until that is done, anything may be known.
    pub(crate) async fn read(self, store: Arc<dyn Store>) {
        for _ in 0..TRIES {
            match self.read_all(&*store).await {
                Ok(()) => {
                    self.0.complete.store(true, SeqCst);
                    log::info!("it is known which requests have answers");
                    return;
                }
                Err(fault) => log::debug!("cannot read which requests were answered: {fault}"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn read_all(&self, store: &dyn Store) -> Result<(), StoreFault> {
        let mut after = None;
        loop {
            let page = store.answered(after, PAGE).await?;
            page.iter().for_each(|start| self.seen().insert(*start));
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(*last),
                _ => return Ok(()),
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
