//! How often a body was executed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The SHA-256 of a body's bytes as uploaded.
pub(crate) type BodyHash = [u8; 32];

/// Counts executions of the bodies that ask for a failure a number of times, and of no others.
#[derive(Debug, Default)]
pub(crate) struct Tries(Mutex<HashMap<BodyHash, u64>>);

impl Tries {
    /// How often the body was executed so far.
    pub(crate) fn made(&self, body: &BodyHash) -> u64 {
        self.lock().get(body).copied().unwrap_or(0)
    }

    /// Enters one more execution and returns how many there were before.
    pub(crate) fn enter(&self, body: &BodyHash) -> u64 {
        let mut tries = self.lock();
        let made = tries.entry(*body).or_default();
        *made += 1;
        *made - 1
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BodyHash, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
