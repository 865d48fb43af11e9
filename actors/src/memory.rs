//! Bodies of requests between their acceptance and their upload. The store has them all; in memory they are only while
//! there is room, because tens of thousands of them may wait for hours.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use bytes::Bytes;

/// Bytes of bodies for which there is room in a gateway. More of them are read from the store again when they are
/// uploaded.
pub const ROOM: u64 = 16 << 20;

/// Largest body that is kept. To read one again costs the less of what sending it costs, the larger it is.
const LARGEST: u64 = 2 << 10;

/// The room for bodies, shared by everybody who has some.
#[derive(Debug, Clone)]
pub struct Memory {
    room: u64,
    taken: Arc<AtomicU64>,
}

impl Memory {
    /// Room for so many bytes.
    pub fn new(room: u64) -> Self {
        Self { room, taken: Arc::default() }
    }

    /// Takes a body that the store has, and keeps it if there is room.
    pub fn body(&self, bytes: Bytes) -> Body {
        let len = bytes.len() as u64;
        let kept = len <= LARGEST && self.take(len);
        Body { len, kept: kept.then(|| Kept { bytes, memory: self.clone() }) }
    }

    fn take(&self, len: u64) -> bool {
        let fits = self.taken.fetch_add(len, Relaxed).saturating_add(len) <= self.room;
        if !fits {
            self.taken.fetch_sub(len, Relaxed);
        }
        fits
    }

    /// Bytes that are kept.
    pub fn taken(&self) -> u64 {
        self.taken.load(Relaxed)
    }
}

/// A body that the store has. Dropping it makes room.
#[derive(Debug)]
pub struct Body {
    len: u64,
    kept: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    bytes: Bytes,
    memory: Memory,
}

impl Body {
    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The body itself, if it is in memory.
    pub fn kept(&self) -> Option<&Bytes> {
        self.kept.as_ref().map(|kept| &kept.bytes)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.memory.taken.fetch_sub(self.bytes.len() as u64, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_left_to_the_store() {
        let memory = Memory::new(200);
        let half = Bytes::from(vec![b'x'; 100]);
        let (first, second) = (memory.body(half.clone()), memory.body(half.clone()));
        let third = memory.body(half.clone());
        assert!(first.kept().is_some() && second.kept().is_some());
        assert_eq!((third.kept(), third.len()), (None, 100));
        assert_eq!(memory.taken(), 200);
        drop(first);
        assert!(memory.body(half).kept().is_some());
        drop(second);
        assert_eq!(memory.taken(), 0);
    }

    #[test]
    fn what_is_large_is_left_to_the_store() {
        let memory = Memory::new(1 << 20);
        let body = |len: u64| memory.body(Bytes::from(vec![b'x'; len as usize]));
        assert!(body(LARGEST).kept().is_some());
        assert!(body(LARGEST + 1).kept().is_none());
    }
}
