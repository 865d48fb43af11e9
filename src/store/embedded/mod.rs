//! The embedded store: one SQLite file, one thread that writes, two that read.
//!
//! The file is in WAL mode with `synchronous=FULL`, so a commit is on the disk when it returns, and a person may
//! look into the file with `sqlite3 -readonly` while the gateway runs.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use async_trait::async_trait;
use batch_gpt_actors::{
    ports::{
        Listing, Page, RequestPage, RequestSummary, SpentFiles, Store, StoreFault, StoredBatch,
        StoredOutcome, StoredRequest, Swept,
    },
    rules::{
        fingerprint::{Fingerprint, Start},
        idempotency::IdempotencyKey,
        ids::{BatchId, BatchKey, FileId, RequestId},
        lane::{Endpoint, Tenant},
        record::Record,
        retention::Due,
    },
};
use bytes::Bytes;
use rusqlite::Connection;
use tokio::sync::oneshot;

mod answers;
mod bodies;
mod commit;
mod fault;
mod filing;
mod folder;
mod read;
mod request;
mod rows;
mod schema;
mod spent;
mod summaries;
mod sweep;
mod write;

#[cfg(test)]
mod empty;
#[cfg(test)]
mod refusals;

use answers::Fresh;
use fault::Failure;
use filing::Filing;

/// Connections that read. Two, so that a long read (bodies of a whole batch) leaves one for short ones.
const READERS: usize = 2;

/// Opens the store in `folder`, creating both where they are not there.
pub(super) async fn open(folder: &Path, owner: &str) -> Result<Arc<dyn Store>, StoreFault> {
    Ok(Arc::new(Embedded::open(folder, owner).await?))
}

struct Embedded {
    file: Arc<Path>,
    fresh: Fresh,
    /// `None` once closed.
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    writer: std::sync::mpsc::Sender<write::Job>,
    readers: std::sync::mpsc::Sender<read::Job>,
    handles: Vec<JoinHandle<()>>,
}

fn closed() -> StoreFault {
    StoreFault::Unavailable("it was closed".into())
}

impl Embedded {
    async fn open(folder: &Path, owner: &str) -> Result<Self, StoreFault> {
        let (folder, owner) = (folder.to_owned(), owner.to_owned());
        let opening = tokio::task::spawn_blocking(move || Self::open_blocking(&folder, owner));
        opening.await.unwrap_or_else(|gone| Err(StoreFault::Unavailable(gone.to_string())))
    }

    fn open_blocking(folder: &Path, owner: String) -> Result<Self, StoreFault> {
        let place = folder::take(folder)?;
        let file: Arc<Path> = place.file.as_path().into();
        let connection = schema::open_writer(&file)?;
        let mut connections = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            connections.push(schema::open_reader(&file)?);
        }
        let (readers, mut handles) = read::start(connections).map_err(no_thread)?;
        let fresh = Fresh::default();
        let filing = Filing::open(&connection, fresh.clone()).map_err(|failure| failure.in_file(&file))?;
        let (writer, handle) = write::start(connection, filing, place, owner).map_err(no_thread)?;
        handles.push(handle);
        Ok(Self { file, fresh, threads: Mutex::new(Some(Threads { writer, readers, handles })) })
    }

    async fn write<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreFault>>) -> write::Job,
    ) -> Result<T, StoreFault> {
        let (reply, answer) = oneshot::channel();
        let sent = {
            let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
            let threads = threads.as_ref().ok_or_else(closed)?;
            threads.writer.send(job(reply))
        };
        sent.map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreFault> {
        let (reply, answer) = oneshot::channel();
        let job: read::Job = Box::new(move |connection| {
            // Nobody listens if the asker went away.
            let _ = reply.send(query(connection));
        });
        let sent = {
            let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
            let threads = threads.as_ref().ok_or_else(closed)?;
            threads.readers.send(job)
        };
        sent.map_err(|_| closed())?;
        match answer.await {
            Ok(read) => read.map_err(|failure| failure.in_file(&self.file)),
            Err(_) => Err(closed()),
        }
    }

    async fn find(
        &self,
        query: &'static str,
        fingerprint: &Fingerprint,
    ) -> Result<Option<StoredOutcome>, StoreFault> {
        let (fresh, fingerprint) = (self.fresh.clone(), *fingerprint);
        self.read(move |connection| fresh.answer(connection, query, &fingerprint)).await
    }
}

fn no_thread(error: std::io::Error) -> StoreFault {
    StoreFault::Unavailable(format!("no thread for it: {error}"))
}

#[async_trait]
impl Store for Embedded {
    async fn append(&self, group: &[Record]) -> Result<(), StoreFault> {
        if group.is_empty() {
            return Ok(());
        }
        let group = group.to_vec();
        self.write(|reply| write::Job::Append { group, reply }).await
    }

    async fn unfinished(&self) -> Result<Vec<Record>, StoreFault> {
        self.read(read::unfinished).await
    }

    async fn bodies(&self, ids: &[RequestId]) -> Result<Vec<(RequestId, Bytes)>, StoreFault> {
        let ids = ids.to_vec();
        self.read(move |connection| bodies::bodies(connection, &ids)).await
    }

    async fn compose(&self, ids: &[RequestId], endpoint: Endpoint, bytes: u64) -> Result<Bytes, StoreFault> {
        let ids = ids.to_vec();
        self.read(move |connection| bodies::compose(connection, &ids, endpoint, bytes)).await
    }

    async fn request(&self, id: RequestId) -> Result<Option<StoredRequest>, StoreFault> {
        self.read(move |connection| request::request(connection, id)).await
    }

    async fn answer(&self, fingerprint: &Fingerprint) -> Result<Option<StoredOutcome>, StoreFault> {
        self.find(answers::ANSWER, fingerprint).await
    }

    async fn reusable(&self, fingerprint: &Fingerprint) -> Result<Option<StoredOutcome>, StoreFault> {
        self.find(answers::REUSABLE, fingerprint).await
    }

    async fn answered(&self, after: Option<Start>, limit: usize) -> Result<Vec<Start>, StoreFault> {
        let fresh = self.fresh.clone();
        self.read(move |connection| fresh.starts(connection, after, limit)).await
    }

    async fn keyed(&self, key: &IdempotencyKey) -> Result<Option<StoredRequest>, StoreFault> {
        let key = *key;
        self.read(move |connection| request::keyed(connection, &key)).await
    }

    async fn summary(&self, id: RequestId) -> Result<Option<RequestSummary>, StoreFault> {
        self.read(move |connection| summaries::summary(connection, id)).await
    }

    async fn summaries(&self, page: &RequestPage) -> Result<Option<Listing<RequestSummary>>, StoreFault> {
        let page = page.clone();
        self.read(move |connection| summaries::summaries(connection, &page)).await
    }

    async fn lines(
        &self,
        key: BatchKey,
        from: usize,
        limit: usize,
    ) -> Result<Listing<RequestSummary>, StoreFault> {
        self.read(move |connection| summaries::lines(connection, key, from, limit)).await
    }

    async fn batch(&self, tenant: Option<&Tenant>, id: &BatchId) -> Result<Option<StoredBatch>, StoreFault> {
        let (tenant, id) = (tenant.cloned(), id.clone());
        self.read(move |connection| read::batch(connection, tenant.as_ref(), &id)).await
    }

    async fn batches(&self, page: &Page) -> Result<Option<Listing<StoredBatch>>, StoreFault> {
        let page = page.clone();
        self.read(move |connection| read::batches(connection, &page)).await
    }

    async fn own_files(&self, tenant: &Tenant, files: &[FileId]) -> Result<Vec<FileId>, StoreFault> {
        let (tenant, files) = (tenant.clone(), files.to_vec());
        self.read(move |connection| read::own_files(connection, &tenant, &files)).await
    }

    async fn spent_files(&self) -> Result<Vec<SpentFiles>, StoreFault> {
        self.read(spent::files).await
    }

    async fn sweep(&self, due: &Due) -> Result<Swept, StoreFault> {
        let due = *due;
        self.write(|reply| write::Job::Sweep { due, reply }).await
    }

    async fn ping(&self) -> Result<(), StoreFault> {
        self.write(|reply| write::Job::Ping { reply }).await
    }

    async fn close(&self) {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Threads { writer, readers, handles }) = threads else {
            return;
        };
        drop((writer, readers));
        // Each thread ends when its queue is empty; the last connection takes the WAL back into the file.
        let ended = tokio::task::spawn_blocking(move || {
            for handle in handles {
                if handle.join().is_err() {
                    log::error!("a thread of the embedded store panicked");
                }
            }
        });
        if ended.await.is_err() {
            log::error!("the embedded store could not wait for its threads");
        }
    }
}
