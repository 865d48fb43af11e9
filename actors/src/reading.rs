//! Reading a finished batch's files: what its lines say is held until they are all read, made durable in the order of
//! acceptance, and then delivered.

use std::{future::ready, sync::Arc};

use futures_util::{StreamExt, stream};

use crate::{
    fail_point::{self, Point},
    held::{self, Held, Landing},
    job::Job,
    links::{Addressee, Kind, Links},
    mutation::{self, Mutation},
    ports::{Pieces, SpillFault},
    rules::{
        batch::{Report, Terms},
        fault::Fault,
        ids::{FileId, RequestId},
        leftover::{Attempts, Leftover, Why},
        lines::Lines,
        outcome::{ApiError, Outcome},
        refusal::{self, Refusal},
        results::{Ends, Oddities, Pairing},
        upstream_batch::{BatchStatus, UpstreamBatch},
    },
};

/// Longest line that is believed to be one.
const LONGEST_LINE: usize = 512 << 20;
/// Pieces that are with the store at a time: some are written together, and the next ones wait for that.
const AT_ONCE: usize = 4;

/// How far the reading has come. It outlives a reading that failed half-way, so that the next one delivers nothing
/// twice and forgets nothing.
pub struct Reading {
    requests: Arc<[RequestId]>,
    attempts: Attempts,
    max_attempts: u32,
    pairing: Pairing,
    held: Held,
}

impl Reading {
    /// Nothing is read yet.
    pub(crate) fn new(job: &Job, links: &Links) -> Self {
        Self {
            requests: job.batch.requests.clone(),
            attempts: job.attempts.clone(),
            max_attempts: links.calling.max_attempts,
            pairing: Pairing::new(&job.batch.requests, &job.answered),
            held: Held::new(links.spills.clone()),
        }
    }

    /// Reads both files. Then every request has its outcome or is left over, unless the files lack some.
    pub(crate) async fn read(
        &mut self,
        links: &Links,
        to: &Addressee,
        batch: &UpstreamBatch,
        terms: Terms,
    ) -> Result<Report, Fault> {
        let turn = links.transfer().await;
        let read = self.read_files(links, to, batch).await;
        // What was read before a fault is an outcome all the same.
        let recorded = self.record(links, to).await;
        drop(turn);
        read.and(recorded)?;
        let missing = self.pairing.missing();
        if batch.status != BatchStatus::Failed && missing > 0 && !terms.last {
            log::warn!("{}: the files of {} say nothing of {missing} requests", to.key, batch.id);
            return Ok(Report::Incomplete(missing));
        }
        let leftover = match batch.status {
            BatchStatus::Failed => self.refused(links, to, batch, terms).await,
            _ => self.ended(links, to, batch, terms).await,
        };
        let oddities = self.pairing.oddities();
        links.ledger.counters.odd_lines(&oddities);
        if oddities != Oddities::default() {
            log::warn!("{}: odd lines in the files of {}: {oddities:?}", to.key, batch.id);
        }
        Ok(Report::Answered(leftover.map(Arc::new)))
    }

    /// The batch ran to one of its ends.
    async fn ended(
        &mut self,
        links: &Links,
        to: &Addressee,
        batch: &UpstreamBatch,
        terms: Terms,
    ) -> Option<Leftover> {
        let most = if terms.resend { self.max_attempts } else { 0 };
        let Ends { answered, returned } = self.pairing.finish(batch, &self.requests, &self.attempts, most);
        give(links, to, answered).await;
        if !returned.is_empty() {
            log::warn!("{}: {} requests of {} failed and are sent again", to.key, returned.len(), batch.id);
        }
        (!returned.is_empty()).then_some(Leftover { requests: returned, why: Why::Failed })
    }

    /// The batch failed its validation, and none of its lines was executed.
    async fn refused(
        &mut self,
        links: &Links,
        to: &Addressee,
        batch: &UpstreamBatch,
        terms: Terms,
    ) -> Option<Leftover> {
        let refusal = Refusal::of(batch, self.requests.len());
        log::warn!("{}: {} failed: {refusal:?}", to.key, batch.id);
        let why = match refusal {
            Refusal::Lines(blamed) => {
                let outcome = |(id, line): (&RequestId, u64)| {
                    blamed.get(&line).map(|error| (*id, refusal::blame(error)))
                };
                let blamed = self.requests.iter().zip(1..).filter_map(outcome).collect();
                let blamed = self.pairing.admit(blamed);
                give(links, to, blamed).await;
                Why::Neighbours
            }
            Refusal::All(error) => {
                self.refuse(links, to, &refusal::blame(&error)).await;
                return None;
            }
            Refusal::Enqueued(limit, error) => Why::Enqueued(limit, error),
            Refusal::Passing(error) => Why::Passing(error),
            Refusal::Unexplained(error) => Why::Unexplained(error),
        };
        if !terms.resend {
            let error = ApiError::new("server_error", Some("batch_cancelled"), "The batch was cancelled.");
            self.refuse(links, to, &refusal::refused(&error)).await;
            return None;
        }
        let requests = self.pairing.give_back(&self.requests, &self.attempts);
        (!requests.is_empty()).then_some(Leftover { requests, why })
    }

    /// Gives every request without an outcome this one.
    pub(crate) async fn refuse(&mut self, links: &Links, to: &Addressee, outcome: &Outcome) {
        let rest = self.pairing.refuse(outcome);
        give(links, to, rest).await;
    }

    async fn read_files(
        &mut self,
        links: &Links,
        to: &Addressee,
        batch: &UpstreamBatch,
    ) -> Result<(), Fault> {
        let error_file = batch.error_file.as_ref().filter(|_| !mutation::breaks(Mutation::DropErrorFile));
        let mut bytes = 0;
        for file in batch.output_file.iter().chain(error_file) {
            bytes += self.read_file(links, to, file).await?;
        }
        log::info!("{}: read {bytes} bytes of {}", to.key, batch.id);
        Ok(())
    }

    /// Holds what a file says. Returns its bytes.
    async fn read_file(&mut self, links: &Links, to: &Addressee, file: &FileId) -> Result<u64, Fault> {
        let mut pieces = content(links, file).await?;
        let mut lines = Lines::default();
        let mut bytes = 0;
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            bytes += piece.len() as u64;
            lines.push(piece);
            fail_point::pass(Point::DownloadMiddle);
            while let Some(line) = lines.next_line() {
                self.take(&line);
            }
            if lines.held() > LONGEST_LINE {
                return Err(Fault::Transient(format!("{file} holds an endless line")));
            }
            if self.held.is_full() {
                self.spill(links, to).await;
            }
        }
        if let Some(last) = lines.finish() {
            self.take(&last);
        }
        Ok(bytes)
    }

    fn take(&mut self, line: &bytes::Bytes) {
        if let Some((id, outcome)) = self.pairing.take(line) {
            self.held.push(id, outcome);
        }
    }

    /// Moves what is held in memory to the disk; without a disk that takes it, it is recorded now, out of order.
    async fn spill(&mut self, links: &Links, to: &Addressee) {
        if !has_room(to, &self.held.spill().await) {
            give(links, to, self.held.take_kept()).await;
        }
    }

    /// Records and delivers what is held. What the disk does not give back is read upstream once more.
    async fn record(&mut self, links: &Links, to: &Addressee) -> Result<(), Fault> {
        if self.held.has_spilled() {
            self.spill(links, to).await;
            has_room(to, &self.held.arrive().await);
        }
        give(links, to, self.held.take_kept()).await;
        let landings = self.held.take_spilled().into_iter().map(|landing| land(links, to, landing));
        let lost: Vec<_> = stream::iter(landings).buffered(AT_ONCE).concat().await;
        if lost.is_empty() {
            return Ok(());
        }
        self.pairing.reopen(&lost);
        Err(Fault::Transient(format!("{} outcomes could not be read back from the disk", lost.len())))
    }
}

async fn content(links: &Links, file: &FileId) -> Result<Pieces, Fault> {
    links.call(Kind::Read, |upstream| async move { upstream.content(file).await }).await
}

/// Whether the disk has taken what it was given.
fn has_room(to: &Addressee, moved: &Result<(), SpillFault>) -> bool {
    if let Err(fault) = moved {
        log::warn!("{}: no room for outcomes outside of the memory: {fault}", to.key);
    }
    moved.is_ok()
}

/// Records outcomes and delivers them, in the order of acceptance.
async fn give(links: &Links, to: &Addressee, outcomes: Vec<(RequestId, Outcome)>) {
    let pieces = held::pieces(outcomes, |(_, outcome)| outcome.body.len());
    let answers = pieces.into_iter().map(|piece| links.answer(to, piece));
    stream::iter(answers).buffered(AT_ONCE).for_each(|()| ready(())).await;
}

/// Records a piece of what was spilled. Returns the requests whose outcomes are lost.
async fn land(links: &Links, to: &Addressee, landing: Landing) -> Vec<RequestId> {
    match landing.outcomes().await {
        Ok(outcomes) => {
            links.answer(to, outcomes).await;
            Vec::new()
        }
        Err(fault) => {
            log::error!("{}: outcomes cannot be read back: {fault}", to.key);
            landing.requests()
        }
    }
}
