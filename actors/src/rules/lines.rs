//! Lines of a JSONL file: writing them, and cutting a download into them.

use bytes::{Bytes, BytesMut};

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

/// Cuts pieces into lines, wherever the pieces end. The last line needs no line feed (contract, section 3.2).
#[derive(Debug, Default)]
pub struct Lines {
    rest: BytesMut,
    searched: usize,
}

impl Lines {
    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.rest.extend_from_slice(piece);
    }

    /// The next whole line without its line feed; `None` until there is one.
    pub fn next_line(&mut self) -> Option<Bytes> {
        let unsearched = self.rest.get(self.searched..).unwrap_or_default();
        let Some(found) = memchr::memchr(b'\n', unsearched) else {
            self.searched = self.rest.len();
            return None;
        };
        let mut line = self.rest.split_to(self.searched + found + 1);
        self.searched = 0;
        line.truncate(line.len() - 1);
        Some(line.freeze())
    }

    /// What is left when the file has ended.
    pub fn finish(&mut self) -> Option<Bytes> {
        self.searched = 0;
        let rest = self.rest.split().freeze();
        (!rest.is_empty()).then_some(rest)
    }

    /// Bytes held back for a line that has not ended.
    pub fn held(&self) -> usize {
        self.rest.len()
    }
}
