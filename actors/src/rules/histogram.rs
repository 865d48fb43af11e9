//! How long things took, in a fixed number of buckets.

use std::ops::AddAssign;

use super::time::Millis;

/// Upper end of the first bucket; each further one ends at twice the time of the one before.
const FIRST: Millis = Millis(250);
/// Buckets with an end: the last one ends after 36 hours, longer than any batch may take.
const BOUNDED: usize = 20;

/// Counts of times. Adding one costs the same however many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Histogram {
    /// The last one holds what is longer than every end.
    buckets: [u64; BOUNDED + 1],
    sum: Millis,
}

impl Histogram {
    /// Counts one time.
    pub fn record(&mut self, span: Millis) {
        let at = (0..BOUNDED).find(|bucket| span <= end(*bucket)).unwrap_or(BOUNDED);
        self.buckets[at] += 1;
        self.sum.0 = self.sum.0.saturating_add(span.0);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// All of them together.
    pub fn sum(&self) -> Millis {
        self.sum
    }

    /// Every end of a bucket, with the number of times that are no longer.
    pub fn cumulative(&self) -> impl Iterator<Item = (Millis, u64)> {
        let counts = self.buckets.iter().take(BOUNDED).scan(0, |below, count| {
            *below += count;
            Some(*below)
        });
        counts.enumerate().map(|(bucket, count)| (end(bucket), count))
    }

    /// The time that `percent` of all are no longer than, as exactly as the buckets tell; nothing if there are none.
    /// What is longer than the last end counts as that long.
    pub fn quantile(&self, percent: u64) -> Option<Millis> {
        let rank = (self.count() * percent.min(100)).div_ceil(100).max(1);
        let mut below = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            if *count > 0 && below + count >= rank {
                let from = bucket.checked_sub(1).map_or(0, |before| end(before).0);
                let width = end(bucket.min(BOUNDED - 1)).0 - from;
                return Some(Millis(from + width * (rank - below) / count));
            }
            below += count;
        }
        None
    }
}

impl AddAssign for Histogram {
    fn add_assign(&mut self, other: Self) {
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += more;
        }
        self.sum.0 = self.sum.0.saturating_add(other.sum.0);
    }
}

fn end(bucket: usize) -> Millis {
    Millis(FIRST.0 << bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_in_the_bucket_of_its_time() {
        let mut times = Histogram::default();
        assert_eq!(times.quantile(50), None);
        for seconds in 1..=100 {
            times.record(Millis::from_secs(seconds));
        }
        assert_eq!((times.count(), times.sum()), (100, Millis::from_secs(5050)));
        for (percent, from, to) in [(1, 0, 1), (50, 32, 64), (90, 64, 128), (100, 64, 128)] {
            let found = times.quantile(percent).unwrap();
            assert!(
                Millis::from_secs(from) < found && found <= Millis::from_secs(to),
                "{percent}: {found:?}"
            );
        }
    }

    #[test]
    fn what_is_longer_than_every_end_is_counted_and_is_in_no_bucket_with_an_end() {
        let mut times = Histogram::default();
        times.record(Millis::from_secs(1_000_000));
        assert_eq!(times.count(), 1);
        assert!(times.cumulative().all(|(_, count)| count == 0));
        assert_eq!(times.quantile(50), Some(end(BOUNDED - 1)));
    }

    #[test]
    fn two_are_added_bucket_by_bucket() {
        let (mut one, mut other) = (Histogram::default(), Histogram::default());
        one.record(Millis(100));
        other.record(Millis(100));
        other.record(Millis::from_secs(60));
        one += other;
        assert_eq!(one.cumulative().next(), Some((Millis(250), 2)));
        assert_eq!((one.count(), one.sum()), (3, Millis(60_200)));
    }
}
