//! Reading a finished batch's files: every outcome is made durable and delivered as its line is read.

use std::collections::HashSet;

use futures_util::StreamExt;

use crate::{
    fail_point::{self, Point},
    links::{Addressee, Links, PIECE},
    rules::{
        fault::Fault,
        ids::{FileId, RequestId},
        lines::Lines,
        outcome::Outcome,
        results::{self, Pairing},
        upstream_batch::{BatchStatus, UpstreamBatch},
    },
};

/// Longest line that is believed to be one.
const LONGEST_LINE: usize = 512 << 20;
/// Bytes of outcomes that are held before they are recorded.
const PIECE_BYTES: usize = 4 << 20;

/// How far the reading has come. It outlives a reading that failed half-way, so that the next one delivers nothing
/// twice and forgets nothing.
#[derive(Debug)]
pub struct Reading {
    requests: Vec<RequestId>,
    pairing: Pairing,
    ready: Vec<(RequestId, Outcome)>,
    ready_bytes: usize,
}

impl Reading {
    /// Nothing is read yet; `answered` requests have their outcome from an earlier life.
    pub fn new(requests: &[RequestId], answered: &HashSet<RequestId>) -> Self {
        Self {
            requests: requests.to_vec(),
            pairing: Pairing::new(requests, answered),
            ready: Vec::new(),
            ready_bytes: 0,
        }
    }

    /// Reads both files and gives every request its outcome.
    pub(crate) async fn read(
        &mut self,
        links: &Links,
        to: &Addressee,
        batch: &UpstreamBatch,
    ) -> Result<(), Fault> {
        let read = self.read_files(links, to, batch).await;
        self.flush(links, to).await;
        read?;
        let rest = match batch.status {
            BatchStatus::Failed => self.pairing.admit(results::failed(&self.requests, batch)),
            _ => self.pairing.finish(batch),
        };
        self.give(links, to, rest).await;
        let oddities = self.pairing.oddities();
        if oddities != results::Oddities::default() {
            log::warn!("{}: odd lines in the files of {}: {oddities:?}", to.key, batch.id);
        }
        Ok(())
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
        for file in [&batch.output_file, &batch.error_file].into_iter().flatten() {
            self.read_file(links, to, file).await?;
        }
        Ok(())
    }

    async fn read_file(&mut self, links: &Links, to: &Addressee, file: &FileId) -> Result<(), Fault> {
        let mut pieces = links.upstream.content(file).await?;
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
            if self.ready.len() >= PIECE || self.ready_bytes >= PIECE_BYTES {
                self.flush(links, to).await;
            }
        }
        if let Some(last) = lines.finish() {
            self.take(&last);
        }
        Ok(())
    }

    fn take(&mut self, line: &bytes::Bytes) {
        if let Some((id, outcome)) = self.pairing.take(line) {
            self.ready_bytes += outcome.body.len();
            self.ready.push((id, outcome));
        }
    }

    async fn give(&mut self, links: &Links, to: &Addressee, outcomes: Vec<(RequestId, Outcome)>) {
        self.ready.extend(outcomes);
        self.flush(links, to).await;
    }

    /// Records and delivers what is ready, piece by piece; a piece leaves only when it is durable.
    async fn flush(&mut self, links: &Links, to: &Addressee) {
        while !self.ready.is_empty() {
            let piece = self.ready.len().min(PIECE);
            links.answer(to, self.ready[..piece].to_vec()).await;
            self.ready.drain(..piece);
        }
        self.ready_bytes = 0;
    }
}
