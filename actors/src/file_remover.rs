//! The FileRemover: files upstream that no batch needs any more, until they are removed.
//!
//! They are in the journal, so a restart takes them up. Nobody waits for it, and whatever goes wrong here is no
//! request's trouble.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use serde_json::{Value, json};

use crate::{
    alarm::Alarm,
    cell::{Behaviour, Letter, Mail, Receive},
    fail_point::{self, Point},
    links::{Kind, Links},
    ports::SpentFiles,
    rules::{
        fault::Fault,
        ids::{BatchKey, FileId},
        record::Record,
        removal::{self, Next},
        time::Timestamp,
    },
    status_logger::Write,
};

/// Batches whose files are being removed at the same time.
const AT_ONCE: usize = 2;

/// Remove these.
pub struct Remove(pub SpentFiles);

impl Letter for Remove {
    const NAME: &'static str = "Remove";
    type Reply = ();
}

/// A task has ended: with all files gone, or with a fault.
struct Removed {
    rest: Rest,
    fault: Option<Fault>,
}

impl Letter for Removed {
    const NAME: &'static str = "Removed";
    type Reply = ();
}

/// It is time for another try.
struct RemovalDue;

impl Letter for RemovalDue {
    const NAME: &'static str = "RemovalDue";
    type Reply = ();
}

/// What is left of a batch's files.
struct Rest {
    key: BatchKey,
    files: Vec<FileId>,
    failures: u32,
    failing_since: Option<Timestamp>,
}

/// See the module.
pub struct FileRemover {
    /// By the time of the next try, then in the order in which they came.
    waiting: BTreeMap<(Timestamp, u64), Rest>,
    came: u64,
    running: usize,
    alarm: Alarm,
    links: Arc<Links>,
}

impl FileRemover {
    /// Nothing is to be removed.
    pub fn new(links: Arc<Links>) -> Self {
        Self { waiting: BTreeMap::new(), came: 0, running: 0, alarm: Alarm::default(), links }
    }

    fn wait(&mut self, until: Timestamp, rest: Rest) {
        self.came += 1;
        self.waiting.insert((until, self.came), rest);
    }

    fn begin(&mut self, me: &Mail<Self>) {
        let now = self.links.clock.now();
        while self.running < AT_ONCE
            && let Some(next) = self.waiting.first_entry()
        {
            let due = next.key().0;
            if due > now {
                self.alarm.set(due, &self.links.clock, me, RemovalDue);
                break;
            }
            let (links, me, mut rest) = (self.links.clone(), me.clone(), next.remove());
            self.running += 1;
            tokio::spawn(async move {
                let removal = AssertUnwindSafe(remove(&links, &mut rest)).catch_unwind().await;
                let panicked = |_| Some(Fault::Transient("the call panicked".into()));
                let fault = removal.unwrap_or_else(panicked);
                me.tell(Removed { rest, fault });
            });
        }
        me.meter().set_load(self.waiting.len() + self.running);
    }

    /// The first file of the rest was not removed.
    fn failed(&mut self, mut rest: Rest, fault: &Fault) {
        let now = self.links.clock.now();
        // What the gateway held back itself was not tried.
        let was_tried = !matches!(fault, Fault::Deferred(_));
        rest.failures += u32::from(was_tried);
        let since = *rest.failing_since.get_or_insert(now);
        let key = rest.key;
        match removal::next(fault, rest.failures, now.since(since), key.0 as u64) {
            Next::Gone => {
                // It is the first one that was tried.
                rest.files.drain(..rest.files.len().min(1));
                (rest.failures, rest.failing_since) = (0, None);
                self.wait(now, rest);
            }
            Next::Again(pause) => {
                if was_tried && rest.failures == 1 {
                    log::warn!("{key}: a file is not removed upstream, and is tried again: {fault}");
                }
                self.wait(now + pause, rest);
            }
            Next::Leave => {
                log::warn!("{key}: {} files are left upstream to expire: {fault}", rest.files.len());
                self.done(key);
            }
        }
    }

    /// The files are gone, or are left to expire.
    fn done(&self, key: BatchKey) {
        let record = Record::FilesRemoved { key, at: self.links.clock.now() };
        self.links.loggers.by(&key).tell(Write::note(record));
    }
}

/// Removes one file after the other; what is removed leaves the rest.
async fn remove(links: &Links, rest: &mut Rest) -> Option<Fault> {
    while let Some(file) = rest.files.first().cloned() {
        let removed = links.call(Kind::Remove, |upstream| async move { upstream.remove(&file).await }).await;
        if let Err(fault) = removed {
            return Some(fault);
        }
        rest.files.remove(0);
        fail_point::pass(Point::RemovalBetween);
    }
    None
}

impl Behaviour for FileRemover {
    const KIND: &'static str = "FileRemover";

    fn snapshot(&self) -> Value {
        json!({ "waiting_batches": self.waiting.len(), "running": self.running })
    }
}

impl Receive<Remove> for FileRemover {
    fn receive(&mut self, Remove(SpentFiles { key, files }): Remove, me: &Mail<Self>) {
        self.wait(Timestamp(0), Rest { key, files, failures: 0, failing_since: None });
        self.begin(me);
    }
}

impl Receive<Removed> for FileRemover {
    fn receive(&mut self, Removed { rest, fault }: Removed, me: &Mail<Self>) {
        self.running = self.running.saturating_sub(1);
        match fault {
            None => {
                log::info!("{}: its files are removed upstream", rest.key);
                self.done(rest.key);
            }
            Some(fault) => self.failed(rest, &fault),
        }
        self.begin(me);
    }
}

impl Receive<RemovalDue> for FileRemover {
    fn receive(&mut self, _: RemovalDue, me: &Mail<Self>) {
        self.begin(me);
    }
}
