//! Reading a finished batch's files: every outcome is made durable and delivered as its line is read.

use std::{future::ready, sync::Arc};

use futures_util::{StreamExt, stream};

use crate::{
    fail_point::{self, Point},
    job::Job,
    links::{Addressee, Kind, Links, PIECE},
    mutation::{self, Mutation},
    ports::Pieces,
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
/// Bytes of outcomes that are held before they are recorded. An upstream gives results in any order, and the store
/// writes the faster, the closer those that it writes together stand to each other.
const HELD_BYTES: usize = 8 << 20;
/// Pieces that are with the store at a time: one that is written, and one that waits for it.
const AT_ONCE: usize = 2;

/// How far the reading has come. It outlives a reading that failed half-way, so that the next one delivers nothing
/// twice and forgets nothing.
#[derive(Debug)]
pub struct Reading {
    requests: Arc<[RequestId]>,
    attempts: Attempts,
    max_attempts: u32,
    pairing: Pairing,
    ready: Vec<(RequestId, Outcome)>,
    ready_bytes: usize,
}

impl Reading {
    /// Nothing is read yet.
    pub(crate) fn new(job: &Job, max_attempts: u32) -> Self {
        Self {
            requests: job.batch.requests.clone(),
            attempts: job.attempts.clone(),
            max_attempts,
            pairing: Pairing::new(&job.batch.requests, &job.answered),
            ready: Vec::new(),
            ready_bytes: 0,
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
        let read = self.read_files(links, to, batch).await;
        self.flush(links, to).await;
        read?;
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
        self.give(links, to, answered).await;
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
                self.give(links, to, blamed).await;
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
        self.flush(links, to).await;
        let rest = self.pairing.refuse(outcome);
        self.give(links, to, rest).await;
    }

    async fn read_files(
        &mut self,
        links: &Links,
        to: &Addressee,
        batch: &UpstreamBatch,
    ) -> Result<(), Fault> {
        let _turn = links.transfer().await;
        let error_file = batch.error_file.as_ref().filter(|_| !mutation::breaks(Mutation::DropErrorFile));
        for file in batch.output_file.iter().chain(error_file) {
            self.read_file(links, to, file).await?;
        }
        Ok(())
    }

    async fn read_file(&mut self, links: &Links, to: &Addressee, file: &FileId) -> Result<(), Fault> {
        let mut pieces = self.content(links, file).await?;
        let mut lines = Lines::default();
        while let Some(piece) = pieces.next().await {
            lines.push(&piece?);
            fail_point::pass(Point::DownloadMiddle);
            while let Some(line) = lines.next_line() {
                self.take(&line);
            }
            if lines.held() > LONGEST_LINE {
                return Err(Fault::Transient(format!("{file} holds an endless line")));
            }
            if self.ready_bytes >= HELD_BYTES {
                self.flush(links, to).await;
            }
        }
        if let Some(last) = lines.finish() {
            self.take(&last);
        }
        Ok(())
    }

    async fn content(&self, links: &Links, file: &FileId) -> Result<Pieces, Fault> {
        links.call(Kind::Read, |upstream| async move { upstream.content(file).await }).await
    }

    fn take(&mut self, line: &bytes::Bytes) {
        if let Some((id, outcome)) = self.pairing.take(line) {
            self.ready_bytes += size_of_val(&outcome) + outcome.body.len();
            self.ready.push((id, outcome));
        }
    }

    async fn give(&mut self, links: &Links, to: &Addressee, outcomes: Vec<(RequestId, Outcome)>) {
        self.ready.extend(outcomes);
        self.flush(links, to).await;
    }

    /// Records and delivers what is ready, in the order of acceptance; it is let go of only when it is durable.
    async fn flush(&mut self, links: &Links, to: &Addressee) {
        self.ready.sort_unstable_by_key(|(id, _)| *id);
        let pieces: Vec<_> = self.ready.chunks(PIECE).map(<[_]>::to_vec).collect();
        let answers = pieces.into_iter().map(|piece| links.answer(to, piece));
        stream::iter(answers).buffered(AT_ONCE).for_each(|()| ready(())).await;
        self.ready.clear();
        self.ready_bytes = 0;
    }
}
