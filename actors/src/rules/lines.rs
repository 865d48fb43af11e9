//! Lines of a JSONL file: writing them, and cutting a download into them.

use bytes::{Buf, Bytes, BytesMut};

use super::{ids::RequestId, lane::Endpoint};

/// Bytes of a line that are not the body, line feed included.
pub fn overhead(endpoint: Endpoint) -> u64 {
    (HEAD.len() + RequestId::WIDTH + MIDDLE.len() + endpoint.path().len() + TAIL.len() + END.len()) as u64
}

const HEAD: &str = r#"{"custom_id":""#;
const MIDDLE: &str = r#"","method":"POST","url":""#;
const TAIL: &str = r#"","body":"#;
const END: &str = "}\n";

/// Appends a request's line: its id, where it goes, its body untouched.
pub fn write(into: &mut BytesMut, id: RequestId, endpoint: Endpoint, body: &[u8]) {
    use std::fmt::Write as _;
    // Writing into memory cannot fail.
    let _ = write!(into, "{HEAD}{id}{MIDDLE}{endpoint}{TAIL}");
    into.extend_from_slice(body);
    into.extend_from_slice(END.as_bytes());
}

/// Cuts pieces into lines, wherever the pieces end. The last line needs no line feed (contract, section 3.2). A line
/// that lies in one piece is a part of it, and is not copied.
#[derive(Debug, Default)]
pub struct Lines {
    /// The beginning of a line that ends in a later piece.
    begun: BytesMut,
    /// What is left of the latest piece.
    piece: Bytes,
}

impl Lines {
    /// Takes the next piece. The whole lines of the one before should have been taken.
    pub fn push(&mut self, piece: Bytes) {
        self.piece = match self.piece.is_empty() {
            true => piece,
            false => [&*self.piece, &*piece].concat().into(),
        };
    }

    /// The next whole line without its line feed; `None` until there is one.
    pub fn next_line(&mut self) -> Option<Bytes> {
        let Some(found) = memchr::memchr(b'\n', &self.piece) else {
            self.begun.extend_from_slice(&self.piece);
            self.piece.clear();
            return None;
        };
        let end = self.piece.split_to(found);
        self.piece.advance(1);
        if self.begun.is_empty() {
            return Some(end);
        }
        self.begun.extend_from_slice(&end);
        Some(self.begun.split().freeze())
    }

    /// What is left when the file has ended.
    pub fn finish(&mut self) -> Option<Bytes> {
        self.begun.extend_from_slice(&std::mem::take(&mut self.piece));
        let rest = self.begun.split().freeze();
        (!rest.is_empty()).then_some(rest)
    }

    /// Bytes held back for a line that has not ended.
    pub fn held(&self) -> usize {
        self.begun.len() + self.piece.len()
    }
}
