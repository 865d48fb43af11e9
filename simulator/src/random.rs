//! Reproducible randomness.

use std::hash::{DefaultHasher, Hash, Hasher};

/// A SplitMix64 generator: small, fast and the same on every platform for the same seed.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A generator whose numbers depend on everything in `source`.
    pub(crate) fn from(source: impl Hash) -> Random {
        let mut hasher = DefaultHasher::new();
        source.hash(&mut hasher);
        Random(hasher.finish())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number in 0..1.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// One of `choices`; none if there are none.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        let count = u64::try_from(choices.len()).ok().filter(|&count| count > 0)?;
        choices.get((self.next() % count) as usize).copied()
    }

    /// The numbers `0..len` in random order.
    pub(crate) fn permutation(&mut self, len: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..len).collect();
        for last in (1..order.len()).rev() {
            let pick = (self.next() % (last as u64 + 1)) as usize;
            order.swap(last, pick);
        }
        order
    }
}

/// The output function of SplitMix64, a bijection: different inputs never collide.
pub(crate) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
