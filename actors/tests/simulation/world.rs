//! What store, upstream and clients have in common.

use std::sync::Mutex;

use crate::{calendar::Calendar, trap::Trap};

#[derive(Default)]
pub struct World {
    pub calendar: Calendar,
    pub trap: Trap,
    broken: Mutex<Option<String>>,
}

impl World {
    /// A promise does not hold. The first break is the one that is told.
    pub fn broken(&self, how: impl FnOnce() -> String) {
        self.broken.lock().unwrap().get_or_insert_with(how);
    }

    /// Breaks a promise unless `holds`.
    pub fn expect(&self, holds: bool, else_broken: impl FnOnce() -> String) {
        if !holds {
            self.broken(else_broken);
        }
    }

    pub fn verdict(&self) -> Result<(), String> {
        self.broken.lock().unwrap().take().map_or(Ok(()), Err)
    }
}
