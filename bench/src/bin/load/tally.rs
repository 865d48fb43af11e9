//! What became of the requests.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

/// Every answer's status and how long it took.
#[derive(Debug, Default)]
pub struct Tally {
    /// Microseconds by status.
    answers: BTreeMap<u16, Vec<u32>>,
    errors: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts an answer.
    pub fn answer(&mut self, status: u16, took: Duration) {
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        self.answers.entry(status).or_default().push(micros);
    }

    /// Counts a request without an answer.
    pub fn error(&mut self, error: &std::io::Error) {
        *self.errors.entry(error.to_string()).or_default() += 1;
    }

    /// Adds another one.
    pub fn add(&mut self, other: Self) {
        for (status, micros) in other.answers {
            self.answers.entry(status).or_default().extend(micros);
        }
        for (error, count) in other.errors {
            *self.errors.entry(error).or_default() += count;
        }
    }

    /// Counts, medians, 99th percentiles and longest times by status, in microseconds.
    pub fn report(mut self) -> Value {
        let mut statuses = serde_json::Map::new();
        for (status, micros) in &mut self.answers {
            micros.sort_unstable();
            let figures = json!({
                "count": micros.len(),
                "p50_us": percentile(micros, 50),
                "p99_us": percentile(micros, 99),
                "max_us": micros.last(),
            });
            statuses.insert(status.to_string(), figures);
        }
        json!({ "statuses": statuses, "errors": self.errors })
    }
}

fn percentile(sorted: &[u32], percent: usize) -> Option<u32> {
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_99th_percentile_of_a_hundred_is_the_second_longest() {
        let micros: Vec<u32> = (1..=100).collect();
        assert_eq!((percentile(&micros, 50), percentile(&micros, 99)), (Some(50), Some(99)));
        assert_eq!(percentile(&[], 99), None);
    }
}
