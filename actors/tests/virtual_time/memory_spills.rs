//! Room for outcomes, in memory, that may fail.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use batch_gpt_actors::ports::{Spill, SpillFault, Spills};
use bytes::Bytes;

#[derive(Default, Clone)]
pub struct MemorySpills(Arc<Room>);

#[derive(Default)]
pub struct Room {
    bytes: Mutex<Vec<u8>>,
    /// So many of the next calls fail.
    pub failing_puts: AtomicUsize,
    pub failing_gets: AtomicUsize,
    pub puts: AtomicUsize,
}

impl std::ops::Deref for MemorySpills {
    type Target = Room;

    fn deref(&self) -> &Room {
        &self.0
    }
}

fn try_it(failing: &AtomicUsize) -> Result<(), SpillFault> {
    match failing.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)) {
        Ok(_) => Err(SpillFault("as the test wants it".into())),
        Err(_) => Ok(()),
    }
}

impl Spills for MemorySpills {
    fn begins_after(&self) -> usize {
        1_500_000
    }

    fn begin(&self) -> Arc<dyn Spill> {
        Arc::new(self.clone())
    }
}

#[async_trait]
impl Spill for MemorySpills {
    async fn put(&self, at: u64, bodies: Vec<Bytes>) -> Result<(), SpillFault> {
        self.puts.fetch_add(1, Relaxed);
        // A disk is not ready at once, and its refusal comes later than what is read next.
        tokio::task::yield_now().await;
        try_it(&self.failing_puts)?;
        let mut bytes = self.bytes.lock().unwrap();
        bytes.truncate(at as usize);
        bytes.extend_from_slice(&bodies.concat());
        Ok(())
    }

    async fn get(&self, places: Vec<Range<u64>>) -> Result<Vec<Bytes>, SpillFault> {
        try_it(&self.failing_gets)?;
        let bytes = self.bytes.lock().unwrap();
        let place =
            |place: &Range<u64>| Bytes::copy_from_slice(&bytes[place.start as usize..place.end as usize]);
        Ok(places.iter().map(place).collect())
    }
}
