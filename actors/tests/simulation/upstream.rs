//! The upstream: in memory, and not always well.

use std::{
    collections::{HashMap, VecDeque},
    panic::resume_unwind,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use batch_gpt_actors::{
    ports::{self, Content, Listing, Pieces, UpstreamFile},
    rules::{
        fault::Fault,
        ids::{BatchId, BatchKey, FileId, key_of_file},
        lane::Endpoint,
        outcome::ApiError,
        time::Millis,
        upstream_batch::UpstreamBatch,
    },
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::sleep;

use crate::{
    factory::Factory,
    journal::Journal,
    op::{Call, CallFault},
    world::World,
};

/// Milliseconds that a call is on its way.
const WAY: u64 = 20;
/// Bytes of a download that come in one piece.
const PIECE: usize = 200;
/// Entries on one page of a list.
const PAGE: usize = 3;

pub struct Upstream {
    world: Arc<World>,
    journal: Arc<Journal>,
    pub factory: Mutex<Factory>,
    faults: Mutex<HashMap<Call, VecDeque<CallFault>>>,
}

impl Upstream {
    pub fn new(world: Arc<World>, journal: Arc<Journal>) -> Self {
        Self { world, journal, factory: Mutex::default(), faults: Mutex::default() }
    }

    pub fn disturb(&self, call: Call, fault: CallFault) {
        self.faults.lock().unwrap().entry(call).or_default().push_back(fault);
    }

    pub fn calm(&self) {
        self.faults.lock().unwrap().clear();
        self.factory.lock().unwrap().calm();
    }

    /// Makes a call; `key` is the batch it would be made for, as far as it says.
    async fn call<T>(
        &self,
        call: Call,
        key: Option<BatchKey>,
        effect: impl FnOnce(&mut Factory, u64) -> Result<T, Fault>,
    ) -> Result<(T, bool), Fault> {
        let fault = self.faults.lock().unwrap().get_mut(&call).and_then(VecDeque::pop_front);
        self.world.trap.pass().await;
        sleep(Duration::from_millis(WAY)).await;
        match fault {
            Some(CallFault::RequestLost) => return Err(unclear(call, "the request was lost")),
            Some(CallFault::Busy) => return Err(unclear(call, "503")),
            Some(CallFault::Limited { secs }) => {
                let retry_after = secs.map(|secs| Millis::from_secs(secs.into()));
                return Err(Fault::Limited { retry_after, why: "429".into() });
            }
            Some(CallFault::Unauthorised) => {
                if matches!(call, Call::Upload | Call::Create | Call::ListFiles) {
                    self.factory.lock().unwrap().turned_away.insert(key);
                }
                return Err(refused(401, "Incorrect API key provided."));
            }
            Some(CallFault::Panic) => resume_unwind(Box::new("so it was ordered")),
            _ => {}
        }
        let now = self.world.calendar.now();
        let done = effect(self.factory.lock().unwrap().until(now), now)?;
        self.world.trap.pass().await;
        match fault {
            Some(CallFault::Cut) if call == Call::Content => Ok((done, true)),
            Some(CallFault::AnswerLost | CallFault::Cut) => Err(unclear(call, "the answer was lost")),
            Some(CallFault::AnswerLate { secs }) => {
                sleep(Duration::from_secs(secs.into())).await;
                Err(unclear(call, "no answer in time"))
            }
            _ => Ok((done, false)),
        }
    }
}

fn unclear(call: Call, why: &str) -> Fault {
    match call {
        Call::Upload | Call::Create => Fault::Ambiguous(why.into()),
        _ => Fault::Transient(why.into()),
    }
}

fn refused(status: u16, message: &str) -> Fault {
    Fault::Permanent { status, error: ApiError::new("invalid_request_error", None, message) }
}

/// A page of a list that is newest last.
fn page<T>(newest_last: Vec<T>, is: impl Fn(&T) -> bool, after_any: bool) -> Listing<T> {
    let mut rest: Vec<T> = newest_last.into_iter().rev().collect();
    if after_any {
        let from = rest.iter().position(is).map_or(rest.len(), |at| at + 1);
        rest.drain(..from);
    }
    let has_more = rest.len() > PAGE;
    rest.truncate(PAGE);
    Listing { items: rest, has_more }
}

#[async_trait]
impl ports::Upstream for Upstream {
    async fn upload(&self, name: &str, content: Content) -> Result<FileId, Fault> {
        let length = content.length;
        let Ok(pieces) = content.pieces.try_collect::<Vec<Bytes>>().await else {
            return Err(Fault::Ambiguous("the body broke off".into()));
        };
        let bytes = Bytes::from(pieces.concat());
        let key = key_of_file(name);
        let store = |factory: &mut Factory, now| {
            let books = self.journal.books.lock().unwrap();
            self.world
                .expect(bytes.len() as u64 == length, || format!("{name} has not the length announced"));
            let sealed = key.is_some_and(|key| books.is_sealed(key));
            self.world.expect(sealed, || format!("{name} is uploaded before its sealing is written"));
            Ok(factory.store(name, &bytes, now, &books, &self.world))
        };
        Ok(self.call(Call::Upload, key, store).await?.0)
    }

    async fn create(&self, file: &FileId, _: Endpoint, key: BatchKey) -> Result<UpstreamBatch, Fault> {
        let create = |factory: &mut Factory, now| {
            let uploaded = self.journal.books.lock().unwrap().is_uploaded(key);
            self.world.expect(uploaded, || format!("{key} is created before its file is written down"));
            Ok(factory.create(file, key, now, &self.world))
        };
        Ok(self.call(Call::Create, Some(key), create).await?.0)
    }

    async fn retrieve(&self, id: &BatchId) -> Result<UpstreamBatch, Fault> {
        let retrieve = |factory: &mut Factory, now| match factory.job(id).filter(|job| !job.is_hidden(now)) {
            Some(job) => Ok(job.describe(now)),
            None => Err(refused(404, "No such batch.")),
        };
        Ok(self.call(Call::Retrieve, None, retrieve).await?.0)
    }

    async fn cancel(&self, id: &BatchId) -> Result<UpstreamBatch, Fault> {
        let cancel = |factory: &mut Factory, now| match factory.cancel(id, now) {
            Some(seen) => Ok(seen),
            None => Err(refused(409, "Cannot cancel a batch that has ended.")),
        };
        Ok(self.call(Call::Cancel, None, cancel).await?.0)
    }

    async fn list_batches(&self, after: Option<&BatchId>) -> Result<Listing<UpstreamBatch>, Fault> {
        let list = |factory: &mut Factory, now| {
            let shown = factory.jobs().iter().filter(|job| !job.is_hidden(now));
            let shown = shown.map(|job| job.describe(now)).collect();
            Ok(page(shown, |batch| Some(&batch.id) == after, after.is_some()))
        };
        Ok(self.call(Call::ListBatches, None, list).await?.0)
    }

    async fn list_files(&self, after: Option<&FileId>) -> Result<Listing<UpstreamFile>, Fault> {
        let list = |factory: &mut Factory, _| {
            Ok(page(factory.files(), |file| Some(&file.id) == after, after.is_some()))
        };
        Ok(self.call(Call::ListFiles, None, list).await?.0)
    }

    async fn remove(&self, file: &FileId) -> Result<(), Fault> {
        let remove = |factory: &mut Factory, _| {
            let books = self.journal.books.lock().unwrap();
            let over = factory.owner(file).is_some_and(|key| books.is_settled(key));
            self.world.expect(over, || format!("{file} is removed before the end of its batch is written"));
            match factory.remove(file, &self.world) {
                true => Ok(()),
                false => Err(refused(404, "No such file.")),
            }
        };
        self.call(Call::Remove, None, remove).await.map(|_| ())
    }

    async fn content(&self, file: &FileId) -> Result<Pieces, Fault> {
        let read = |factory: &mut Factory, now| match factory.content(file, now) {
            Some(content) => Ok(content),
            None => Err(refused(404, "No such file.")),
        };
        let (content, cut) = self.call(Call::Content, None, read).await?;
        let whole = if cut { content.slice(..content.len() / 2) } else { content };
        let pieces: Vec<_> = whole.chunks(PIECE).map(|piece| Ok(whole.slice_ref(piece))).collect();
        let end = cut.then(|| Err(Fault::Transient("the body was cut".into())));
        Ok(stream::iter(pieces.into_iter().chain(end)).boxed())
    }
}
