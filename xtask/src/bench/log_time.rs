//! When the gateway says that it did something, from its log.

use std::time::Duration;

const DAY_MS: u64 = 86_400_000;

/// Milliseconds of the day, in UTC; the log has them with every line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogTime(u64);

impl LogTime {
    /// The time of the last line with these words.
    pub fn of(log: &str, words: &str) -> Result<Self, String> {
        let line = log.lines().rfind(|line| line.contains(words));
        line.and_then(Self::parse).ok_or_else(|| format!("the gateway's log does not say {words:?}"))
    }

    /// This many milliseconds after 1970.
    pub fn unix(ms: f64) -> Self {
        // A time of day fits.
        Self(ms as u64 % DAY_MS)
    }

    /// From an earlier time to this one, less than a day later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis((self.0 + DAY_MS - earlier.0) % DAY_MS)
    }

    /// Reads `[2026-01-01T00:00:00.000Z …`.
    fn parse(line: &str) -> Option<Self> {
        let time = line.split_once('T')?.1.split_once('Z')?.0;
        let mut parts = time.split([':', '.']).map(|part| part.parse::<u64>().ok());
        let (hours, minutes) = (parts.next()??, parts.next()??);
        let (seconds, ms) = (parts.next()??, parts.next()??);
        Some(Self(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_log_are_told_apart_over_midnight() {
        let log = "[2026-01-01T23:59:59.900Z INFO  a] sealed\n[2026-01-02T00:00:00.150Z INFO  a] uploaded\n";
        let (sealed, uploaded) = (LogTime::of(log, "sealed"), LogTime::of(log, "uploaded"));
        assert_eq!(uploaded.and_then(|up| Ok(up.since(sealed?))), Ok(Duration::from_millis(250)));
        assert!(LogTime::of(log, "settled").is_err());
    }

    #[test]
    fn a_time_since_1970_is_a_time_of_the_day() {
        assert_eq!(LogTime::unix(1_767_312_000_150.0), LogTime(150));
    }
}
