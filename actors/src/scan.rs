//! Looks through one of the upstream's lists, shared by everybody who looks at the same time.
//!
//! After a restart every unfinished batch has to be looked for, and a list has many pages. So one scan answers all who
//! asked before it began; who asks while it runs waits for the next one, because what they look for may be younger.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

use tokio::sync::Mutex;

use crate::rules::{fault::Fault, ids::BatchKey};

/// What the scans of one list have found.
pub(crate) struct Scan<T> {
    /// Numbers questions and scans in the order of their beginning.
    order: AtomicU64,
    /// How far back somebody who waits wants to see, in Unix seconds.
    floor: AtomicU64,
    last: Mutex<Last<T>>,
}

struct Last<T> {
    began: u64,
    oldest: u64,
    found: HashMap<BatchKey, T>,
}

impl<T: Clone> Scan<T> {
    /// Nothing has been looked through yet.
    pub(crate) fn new() -> Self {
        let last = Last { began: 0, oldest: u64::MAX, found: HashMap::new() };
        Self { order: AtomicU64::new(1), floor: AtomicU64::new(u64::MAX), last: Mutex::new(last) }
    }

    /// What stands in the list under `key`, in a scan that begins after this call and goes back to `oldest`. `list`
    /// goes through the list down to a time.
    pub(crate) async fn find<F>(
        &self,
        key: BatchKey,
        oldest: u64,
        list: impl FnOnce(u64) -> F,
    ) -> Result<Option<T>, Fault>
    where
        F: Future<Output = Result<HashMap<BatchKey, T>, Fault>>,
    {
        self.floor.fetch_min(oldest, SeqCst);
        let asked = self.order.fetch_add(1, SeqCst);
        let mut last = self.last.lock().await;
        if last.began <= asked || last.oldest > oldest {
            let began = self.order.fetch_add(1, SeqCst);
            let oldest = self.floor.swap(u64::MAX, SeqCst).min(oldest);
            let found = list(oldest).await?;
            *last = Last { began, oldest, found };
        }
        Ok(last.found.get(&key).cloned())
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_who_look_at_once_need_two_scans() {
        let (scan, scans) = (Arc::new(Scan::new()), Arc::new(AtomicU64::new(0)));
        let looks = (0..50u64).map(|n| {
            let (scan, scans) = (scan.clone(), scans.clone());
            tokio::spawn(async move {
                let list = |oldest| async move {
                    scans.fetch_add(1, SeqCst);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Ok((oldest..100).map(|n| (BatchKey(n.into()), n)).collect())
                };
                scan.find(BatchKey(n.into()), n, list).await
            })
        });
        let looks: Vec<_> = looks.collect();
        for (n, look) in (0..).zip(looks) {
            assert_eq!(look.await.unwrap(), Ok(Some(n)));
        }
        assert_eq!(scans.load(SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_later_sees_what_is_younger() {
        let scan = Scan::new();
        let list = |found: u64| async move { Ok(HashMap::from([(BatchKey(1), found)])) };
        assert_eq!(scan.find(BatchKey(1), 0, |_| list(1)).await, Ok(Some(1)));
        assert_eq!(scan.find(BatchKey(1), 0, |_| list(2)).await, Ok(Some(2)));
        let fault = Fault::Transient("no".into());
        assert_eq!(scan.find(BatchKey(1), 0, |_| async { Err(fault.clone()) }).await, Err(fault.clone()));
        assert_eq!(scan.find(BatchKey(1), 0, |_| list(3)).await, Ok(Some(3)));
    }
}
