//! The time of day in the world. It goes on while no gateway runs, which a runtime's own clock does not.

use std::sync::Mutex;

use tokio::time::Instant;

/// When the first gateway starts: milliseconds since the Unix epoch.
const BEGINNING: u64 = 1_700_000_000_000;

pub struct Calendar(Mutex<Hand>);

struct Hand {
    shows: u64,
    since: Option<Instant>,
}

impl Hand {
    fn now(&self) -> u64 {
        self.shows + self.since.map_or(0, |since| since.elapsed().as_millis() as u64)
    }
}

impl Default for Calendar {
    fn default() -> Self {
        Self(Mutex::new(Hand { shows: BEGINNING, since: None }))
    }
}

impl Calendar {
    /// Milliseconds since the Unix epoch. While a gateway runs, to be asked on its runtime only.
    pub fn now(&self) -> u64 {
        self.0.lock().unwrap().now()
    }

    /// From now on time passes as the runtime says that this is called on.
    pub fn follow_runtime(&self) {
        self.0.lock().unwrap().since = Some(Instant::now());
    }

    /// Time stands still again.
    pub fn stand_still(&self) {
        let mut hand = self.0.lock().unwrap();
        *hand = Hand { shows: hand.now(), since: None };
    }

    /// Time passes while no gateway runs.
    pub fn skip(&self, millis: u64) {
        self.0.lock().unwrap().shows += millis;
    }
}
