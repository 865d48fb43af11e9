//! A batch's file on its way up: written line by line, out of memory or out of the store.

use std::{collections::HashMap, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};

use crate::{
    batch_submitter::Line,
    cell::Mail,
    fail_point::{self, Point},
    ports::StoreFault,
    rules::{ids::RequestId, lane::Endpoint, lines},
    status_logger::{Bodies, StatusLogger},
};

/// About so many bytes leave in one piece.
const PIECE_BYTES: usize = 64 << 10;
/// Bodies that are asked of the store at once: so many at most, and about so many bytes.
const FETCH: usize = 256;
const FETCH_BYTES: u64 = 1 << 20;

/// The lines of a file.
pub(crate) struct Lines {
    /// Where the store is asked.
    pub(crate) logger: Mail<StatusLogger>,
    /// Where the requests go.
    pub(crate) endpoint: Endpoint,
    /// The requests.
    pub(crate) lines: Arc<[Line]>,
}

/// How far the writing has come.
struct Writing {
    file: Lines,
    at: usize,
    /// Bodies that came out of the store, for the next lines.
    fetched: HashMap<RequestId, Bytes>,
}

impl Lines {
    /// Bytes of the whole file.
    pub(crate) fn length(&self) -> u64 {
        let around = lines::overhead(self.endpoint);
        self.lines.iter().map(|line| around + line.body.len()).sum()
    }

    /// The file, piece by piece. It ends with a fault where the store fails.
    pub(crate) fn pieces(self) -> impl Stream<Item = Result<Bytes, StoreFault>> + Send {
        let writing = Writing { file: self, at: 0, fetched: HashMap::new() };
        stream::try_unfold(writing, |mut writing| async move {
            if writing.at > 0 && writing.at < writing.file.lines.len() {
                fail_point::pass(Point::UploadMiddle);
            }
            let piece = writing.piece().await?;
            Ok((!piece.is_empty()).then_some((piece, writing)))
        })
    }
}

impl Writing {
    async fn piece(&mut self) -> Result<Bytes, StoreFault> {
        let mut piece = BytesMut::with_capacity(PIECE_BYTES * 5 / 4);
        let lines = self.file.lines.clone();
        while let Some(line) = lines.get(self.at).filter(|_| piece.len() < PIECE_BYTES) {
            let body = match line.body.kept() {
                Some(body) => body.clone(),
                None => self.stored(line.id).await?,
            };
            lines::write(&mut piece, line.id, self.file.endpoint, &body);
            self.at += 1;
        }
        Ok(piece.freeze())
    }

    /// The body of the line that is to be written now, and with it those of the next ones.
    async fn stored(&mut self, id: RequestId) -> Result<Bytes, StoreFault> {
        if !self.fetched.contains_key(&id) {
            let ids = self.next_stored();
            let asked = self.file.logger.inquire(|reply| Bodies { ids, reply }).await;
            let found = asked.unwrap_or_else(|gone| Err(StoreFault::Unavailable(gone.to_string())))?;
            self.fetched.extend(found);
        }
        self.fetched.remove(&id).ok_or_else(|| {
            StoreFault::Unusable(format!("the store has no body for the accepted request {id}"))
        })
    }

    fn next_stored(&self) -> Vec<RequestId> {
        let mut bytes = 0;
        let next = self.file.lines.iter().skip(self.at).filter(|line| line.body.kept().is_none());
        let next = next.take(FETCH).take_while(|line| {
            let fits = bytes < FETCH_BYTES;
            bytes += line.body.len();
            fits
        });
        next.map(|line| line.id).collect()
    }
}
