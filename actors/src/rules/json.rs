//! A walk over JSON that is already known to be valid.
//!
//! Byte-faithfulness needs the places of members inside a body, which no parser reports, and an equality of bodies
//! needs numbers as they are spelt, which every parser rounds. Both are a walk over bytes once
//! [`serde_json`] has accepted them. The walk never fails: past the end it reads zeros and stops.

use std::{borrow::Cow, ops::Range};

use memchr::memchr2;
use sha2::{Digest, Sha256};

/// A position in a valid JSON text.
pub(super) struct Walk<'a> {
    text: &'a [u8],
    at: usize,
}

/// A member of an object: its decoded key, and where it stands, from the key's quote to the value's end.
pub(super) struct Member<'a> {
    pub key: Cow<'a, str>,
    pub span: Range<usize>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// Steps over `byte` if it is next, white space aside.
    fn eat(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    fn string(&mut self) -> Cow<'a, str> {
        self.space();
        let start = self.at;
        self.at += 1;
        let mut escaped = false;
        loop {
            let ahead = self.text.get(self.at..).unwrap_or_default();
            self.at += memchr2(b'"', b'\\', ahead).unwrap_or(ahead.len());
            if self.peek() != b'\\' {
                break;
            }
            escaped = true;
            self.at += 2;
        }
        self.at = (self.at + 1).min(self.text.len());
        let token = self.text.get(start..self.at).unwrap_or_default();
        if escaped {
            return Cow::Owned(serde_json::from_slice(token).unwrap_or_default());
        }
        let inner = token.get(1..token.len().saturating_sub(1)).unwrap_or_default();
        // Much faster than the lossy way where nothing is lost, and nothing is in valid JSON.
        str::from_utf8(inner).map_or_else(|_| String::from_utf8_lossy(inner), Cow::Borrowed)
    }

    fn scalar(&mut self) -> &'a [u8] {
        let start = self.at;
        while !matches!(self.peek(), 0 | b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn skip(&mut self) {
        let mut depth = 0usize;
        loop {
            self.space();
            match self.peek() {
                0 if self.at >= self.text.len() => return,
                b'"' => {
                    self.string();
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                b',' | b':' => self.at += 1,
                _ => {
                    self.scalar();
                }
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// The members of the object that stands here, in order.
    pub(super) fn members(mut self) -> Vec<Member<'a>> {
        let mut members = Vec::new();
        if !self.eat(b'{') {
            return members;
        }
        self.space();
        while self.peek() == b'"' {
            let start = self.at;
            let key = self.string();
            self.eat(b':');
            self.skip();
            members.push(Member { key, span: start..self.at });
            self.eat(b',');
            self.space();
        }
        members
    }

    /// Feeds the value that stands here to `sink` so that two texts feed the same bytes exactly when they differ
    /// in white space, escapes and the order of keys alone. An object is fed as the digests of its members, so that
    /// the work stays linear at any depth.
    pub(super) fn digest(&mut self, sink: &mut Sha256) {
        self.space();
        match self.peek() {
            b'{' => self.digest_object(sink),
            b'[' => self.digest_array(sink),
            b'"' => {
                let text = self.string();
                feed(sink, b's', text.as_bytes());
            }
            _ => {
                let token = self.scalar();
                feed(sink, b'v', token);
            }
        }
    }

    fn digest_object(&mut self, sink: &mut Sha256) {
        let mut members: Vec<(Cow<'a, str>, [u8; 32])> = Vec::new();
        self.eat(b'{');
        self.space();
        while self.peek() == b'"' {
            let key = self.string();
            self.eat(b':');
            let mut inner = Sha256::new();
            self.digest(&mut inner);
            members.push((key, inner.finalize().into()));
            self.eat(b',');
            self.space();
        }
        self.eat(b'}');
        members.sort_by(|a, b| a.0.cmp(&b.0));
        sink.update(b"{");
        for (key, digest) in &members {
            feed(sink, b'k', key.as_bytes());
            sink.update(digest);
        }
        sink.update(b"}");
    }

    fn digest_array(&mut self, sink: &mut Sha256) {
        self.eat(b'[');
        sink.update(b"[");
        self.space();
        while self.at < self.text.len() && self.peek() != b']' {
            self.digest(sink);
            self.eat(b',');
            self.space();
        }
        self.eat(b']');
        sink.update(b"]");
    }
}

/// Feeds a piece so that no two sequences of pieces feed the same bytes.
pub(super) fn feed(sink: &mut Sha256, tag: u8, piece: &[u8]) {
    sink.update([tag]);
    sink.update((piece.len() as u64).to_le_bytes());
    sink.update(piece);
}
