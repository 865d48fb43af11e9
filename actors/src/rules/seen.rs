//! Which requests have been seen before, in about two bytes each.

use fastbloom::BloomFilter;

use super::fingerprint::Start;

/// Fingerprints for which there is room at first. Each further level has room for twice as many.
const FIRST: usize = 1 << 15;
/// How often a level takes a fingerprint for seen that it has not seen.
const MISTAKEN: f64 = 0.001;

/// A set of fingerprints, each known by its start. It forgets none, and hardly ever knows one that it has not been told.
#[derive(Debug, Default)]
pub struct Seen {
    levels: Vec<BloomFilter>,
    /// What still fits into the last level.
    room: usize,
}

impl Seen {
    /// Adds one.
    pub fn insert(&mut self, Start(start): Start) {
        if self.room == 0 {
            self.room = FIRST << self.levels.len();
            let level = BloomFilter::with_false_pos(MISTAKEN).seed(&0).expected_items(self.room);
            self.levels.push(level);
        }
        if let Some(level) = self.levels.last_mut() {
            // It is a hash already.
            level.insert_hash(start);
            self.room -= 1;
        }
    }

    /// Whether it may have been added. `false` is certain.
    pub fn may_have(&self, Start(start): Start) -> bool {
        self.levels.iter().any(|level| level.contains_hash(start))
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::{super::fingerprint::Fingerprint, *};

    fn start(number: usize) -> Start {
        Fingerprint(Sha256::digest(number.to_be_bytes()).into()).start()
    }

    #[test]
    fn what_was_added_is_known_over_several_levels_and_hardly_anything_else() {
        const MANY: usize = 5 * FIRST;
        let mut seen = Seen::default();
        assert!(!seen.may_have(start(0)));
        (0..MANY).for_each(|number| seen.insert(start(number)));
        assert_eq!(seen.levels.len(), 3);
        assert!((0..MANY).all(|number| seen.may_have(start(number))));
        let mistaken = (MANY..2 * MANY).filter(|number| seen.may_have(start(*number))).count();
        assert!(mistaken < MANY / 100, "{mistaken} of {MANY}");
    }
}
