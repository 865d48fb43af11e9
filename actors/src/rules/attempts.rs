//! How often wrong keys may be presented from one address.
//!
//! The memory is fixed: wrong keys are counted in two rows of buckets, into which addresses fall by chance, and the
//! lower of an address's two counts is believed. So no flood of addresses makes it grow, and a flood from one of them
//! reaches another only if both fall together twice. A right key that came from an address before it guessed too
//! often goes on being right: whoever shares an address with a guesser is not locked out.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv6Addr},
};

use super::time::{Millis, Timestamp};

/// Rows of buckets, each with a seed of its own.
pub const ROWS: usize = 2;
/// Buckets of a row.
const BUCKETS: usize = 8192;
/// Right keys, each with its address, that are remembered at least; twice as many at most.
const REMEMBERED: usize = 4096;
/// The time for which wrong keys are counted.
const WINDOW: Millis = Millis(60_000);

/// What is to be done with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is right.
    Right,
    /// It is wrong.
    Wrong,
    /// Nobody looked: there were too many wrong ones. After this time one may try again.
    TooMany(Millis),
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    window: u64,
    wrong: u32,
}

/// See the module.
#[derive(Debug)]
pub struct Attempts {
    /// Wrong keys an address may present within a minute.
    limit: u32,
    rows: [Vec<Bucket>; ROWS],
    seeds: [RandomState; ROWS],
    /// Right keys of this time, and of the time before.
    right: [HashSet<(IpAddr, [u8; 32])>; 2],
}

impl Attempts {
    /// So many wrong keys are allowed to an address within a minute. The seeds decide which addresses share buckets.
    pub fn new(limit: u32, seeds: [RandomState; ROWS]) -> Self {
        let rows = std::array::from_fn(|_| vec![Bucket::default(); BUCKETS]);
        Self { limit, rows, seeds, right: Default::default() }
    }

    /// Judges a key by its hash; `right` says whether it is anybody's.
    pub fn judge(&mut self, peer: IpAddr, key: [u8; 32], right: bool, now: Timestamp) -> Verdict {
        let known = (neighbourhood(peer), key);
        if right && self.right.iter().any(|right| right.contains(&known)) {
            return Verdict::Right;
        }
        let window = now.0 / WINDOW.0;
        if self.wrong(known.0, window) >= self.limit {
            return Verdict::TooMany(Timestamp((window + 1) * WINDOW.0).since(now));
        }
        if right {
            self.remember(known);
            return Verdict::Right;
        }
        self.count(known.0, window);
        Verdict::Wrong
    }

    /// Wrong keys from an address within this minute, or a few more.
    fn wrong(&self, peer: IpAddr, window: u64) -> u32 {
        let counts = (0..ROWS).map(|row| {
            let bucket = self.rows[row][self.place(row, peer)];
            if bucket.window == window { bucket.wrong } else { 0 }
        });
        counts.min().unwrap_or(0)
    }

    fn count(&mut self, peer: IpAddr, window: u64) {
        for row in 0..ROWS {
            let place = self.place(row, peer);
            let bucket = &mut self.rows[row][place];
            if bucket.window != window {
                *bucket = Bucket { window, wrong: 0 };
            }
            bucket.wrong = bucket.wrong.saturating_add(1);
        }
    }

    fn place(&self, row: usize, peer: IpAddr) -> usize {
        // The remainder is below the number of buckets.
        (self.seeds[row].hash_one(peer) % BUCKETS as u64) as usize
    }

    fn remember(&mut self, known: (IpAddr, [u8; 32])) {
        let [now, before] = &mut self.right;
        if now.len() >= REMEMBERED {
            *before = std::mem::take(now);
        }
        now.insert(known);
    }
}

/// Who may well be one and the same: an IPv6 network of 64 bits is usually one customer's.
fn neighbourhood(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(12 * 3_600_000 + 1_000);

    fn attempts(limit: u32) -> Attempts {
        Attempts::new(limit, [RandomState::new(), RandomState::new()])
    }

    fn peer(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from(number).into()
    }

    fn key(number: u32) -> [u8; 32] {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        key
    }

    #[test]
    fn a_guesser_is_stopped_until_the_minute_is_over() {
        let mut attempts = attempts(5);
        for guess in 0..5 {
            assert_eq!(attempts.judge(peer(1), key(guess), false, NOON), Verdict::Wrong);
        }
        let rest = Millis(59_000);
        assert_eq!(attempts.judge(peer(1), key(9), false, NOON), Verdict::TooMany(rest));
        assert_eq!(attempts.judge(peer(1), key(9), true, NOON), Verdict::TooMany(rest), "even a lucky guess");
        assert_eq!(attempts.judge(peer(2), key(9), true, NOON), Verdict::Right, "others are not concerned");
        assert_eq!(attempts.judge(peer(1), key(9), true, NOON + rest), Verdict::Right);
    }

    #[test]
    fn whoever_was_right_before_stays_so_beside_a_guesser() {
        let mut attempts = attempts(1);
        assert_eq!(attempts.judge(peer(1), key(7), true, NOON), Verdict::Right);
        for guess in 100..10_100 {
            attempts.judge(peer(1), key(guess), false, NOON);
        }
        assert_eq!(attempts.judge(peer(1), key(7), true, NOON), Verdict::Right);
        assert!(matches!(attempts.judge(peer(1), key(7), false, NOON), Verdict::TooMany(_)), "revoked since");
    }

    #[test]
    fn neither_guesses_nor_addresses_nor_right_keys_make_it_grow() {
        let mut attempts = attempts(10);
        for number in 0..100_000 {
            attempts.judge(peer(number), key(number), number % 2 == 0, NOON);
        }
        assert!(attempts.right.iter().all(|right| right.len() <= REMEMBERED));
        assert!(attempts.rows.iter().all(|row| row.len() == BUCKETS));
    }

    #[test]
    fn neighbours_in_one_network_are_one_guesser() {
        let mut attempts = attempts(1);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(attempts.judge(address("2001:db8::1"), key(1), false, NOON), Verdict::Wrong);
        let second = attempts.judge(address("2001:db8::2"), key(2), false, NOON);
        assert!(matches!(second, Verdict::TooMany(_)));
        assert_eq!(attempts.judge(address("2001:db8:0:1::1"), key(3), false, NOON), Verdict::Wrong);
        assert_eq!(attempts.judge(address("127.0.0.1"), key(1), false, NOON), Verdict::Wrong);
        let mapped = attempts.judge(address("::ffff:127.0.0.1"), key(1), false, NOON);
        assert!(matches!(mapped, Verdict::TooMany(_)), "it is the same address");
    }
}
