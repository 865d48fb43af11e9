//! A batch's file on its way up: written piece by piece, out of memory or by the store. While a piece leaves, the store
//! writes later ones.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use tokio::sync::oneshot;

use crate::{
    batch_submitter::Line,
    cell::Mail,
    fail_point::{self, Point},
    ports::StoreFault,
    rules::{lane::Endpoint, lines},
    status_logger::{Compose, StatusLogger},
};

/// About so many bytes leave in one piece, and so many lines at most.
const PIECE_BYTES: u64 = 256 << 10;
const PIECE_LINES: usize = 1_000;
/// Bytes that the store may be asked for ahead of those that leave.
const AHEAD_BYTES: u64 = 2 << 20;

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
    /// The first line that is in no piece yet.
    at: usize,
    ahead: VecDeque<Piece>,
    ahead_bytes: u64,
}

/// A piece that leaves later.
struct Piece {
    lines: Range<usize>,
    bytes: u64,
    /// From the store; nothing if all its bodies are in memory.
    written: Option<oneshot::Receiver<Result<Bytes, StoreFault>>>,
}

impl Lines {
    /// Bytes of the whole file.
    pub(crate) fn length(&self) -> u64 {
        self.lines.iter().map(|line| self.bytes(line)).sum()
    }

    /// The file, piece by piece. It ends with a fault where the store fails.
    pub(crate) fn pieces(self) -> impl Stream<Item = Result<Bytes, StoreFault>> + Send {
        let writing = Writing { file: self, at: 0, ahead: VecDeque::new(), ahead_bytes: 0 };
        stream::try_unfold(writing, |mut writing| async move {
            let piece = writing.piece().await?;
            Ok(piece.map(|piece| (piece, writing)))
        })
    }

    fn bytes(&self, line: &Line) -> u64 {
        lines::overhead(self.endpoint) + line.body.len()
    }

    fn of(&self, range: &Range<usize>) -> &[Line] {
        self.lines.get(range.clone()).unwrap_or_default()
    }
}

impl Writing {
    /// The next piece; nothing at the end of the file.
    async fn piece(&mut self) -> Result<Option<Bytes>, StoreFault> {
        self.look_ahead();
        let Some(piece) = self.ahead.pop_front() else { return Ok(None) };
        if piece.lines.start > 0 {
            fail_point::pass(Point::UploadMiddle);
        }
        let written = match piece.written {
            None => self.remembered(&piece.lines, piece.bytes),
            Some(written) => {
                let gone = |_| Err(StoreFault::Unavailable("nobody answered for it".into()));
                written.await.unwrap_or_else(gone)?
            }
        };
        self.ahead_bytes -= piece.bytes;
        if written.len() as u64 != piece.bytes {
            let requests = self.file.of(&piece.lines).iter().map(|line| line.id);
            let which = requests.clone().next().zip(requests.last());
            let which = which.map(|(first, last)| format!("{first} to {last}")).unwrap_or_default();
            let why = format!("the store lacks bodies among those of the accepted requests {which}");
            return Err(StoreFault::Unusable(why));
        }
        Ok(Some(written))
    }

    /// Asks the store for what comes next, while there is room for it. What needs more room than that is asked for
    /// only when it is its turn.
    fn look_ahead(&mut self) {
        while let Some((lines, bytes)) = self.next() {
            if !self.ahead.is_empty() && self.ahead_bytes + bytes > AHEAD_BYTES {
                break;
            }
            let here = self.file.of(&lines);
            let in_memory = here.iter().all(|line| line.body.kept().is_some());
            let written = (!in_memory).then(|| {
                let (reply, written) = oneshot::channel();
                let ids = here.iter().map(|line| line.id).collect();
                self.file.logger.tell(Compose { ids, endpoint: self.file.endpoint, bytes, reply });
                written
            });
            self.at = lines.end;
            self.ahead_bytes += bytes;
            self.ahead.push_back(Piece { lines, bytes, written });
        }
    }

    /// The lines of the next piece, and its bytes; nothing if all are in pieces.
    fn next(&self) -> Option<(Range<usize>, u64)> {
        let rest = self.file.lines.get(self.at..).unwrap_or_default();
        let (mut count, mut bytes) = (0, 0);
        for line in rest.iter().take(PIECE_LINES) {
            count += 1;
            bytes += self.file.bytes(line);
            if bytes >= PIECE_BYTES {
                break;
            }
        }
        (count > 0).then(|| (self.at..self.at + count, bytes))
    }

    /// Lines whose bodies are all in memory.
    fn remembered(&self, range: &Range<usize>, bytes: u64) -> Bytes {
        let mut piece = BytesMut::with_capacity(usize::try_from(bytes).unwrap_or_default());
        for line in self.file.of(range) {
            if let Some(body) = line.body.kept() {
                lines::write(&mut piece, line.id, self.file.endpoint, body);
            }
        }
        piece.freeze()
    }
}
