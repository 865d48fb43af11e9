//! Room for outcomes that now and then does not take them, or does not give them back.

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

/// One put in so many fails, and one look.
const PUTS: usize = 7;
const GETS: usize = 5;

#[derive(Default)]
pub struct ShakySpills {
    calls: Arc<AtomicUsize>,
}

struct ShakySpill {
    calls: Arc<AtomicUsize>,
    bytes: Mutex<Vec<u8>>,
}

impl ShakySpill {
    fn try_it(&self, one_in: usize) -> Result<(), SpillFault> {
        match self.calls.fetch_add(1, Relaxed) % one_in {
            0 => Err(SpillFault("as the schedule wants it".into())),
            _ => Ok(()),
        }
    }
}

impl Spills for ShakySpills {
    /// Whatever is read goes there.
    fn begins_after(&self) -> usize {
        0
    }

    fn begin(&self) -> Arc<dyn Spill> {
        Arc::new(ShakySpill { calls: self.calls.clone(), bytes: Mutex::default() })
    }
}

#[async_trait]
impl Spill for ShakySpill {
    async fn put(&self, at: u64, bodies: Vec<Bytes>) -> Result<(), SpillFault> {
        // Now and then it is not ready at once.
        if self.calls.load(Relaxed).is_multiple_of(2) {
            tokio::task::yield_now().await;
        }
        self.try_it(PUTS)?;
        let mut bytes = self.bytes.lock().unwrap();
        bytes.truncate(at as usize);
        bytes.extend_from_slice(&bodies.concat());
        Ok(())
    }

    async fn get(&self, places: Vec<Range<u64>>) -> Result<Vec<Bytes>, SpillFault> {
        self.try_it(GETS)?;
        let bytes = self.bytes.lock().unwrap();
        let place =
            |place: &Range<u64>| Bytes::copy_from_slice(&bytes[place.start as usize..place.end as usize]);
        Ok(places.iter().map(place).collect())
    }
}
