//! An actor's one timer.

use tokio::task::AbortHandle;

use crate::{
    cell::{Letter, Mail, Receive},
    clock::Clock,
    rules::time::Timestamp,
};

/// Sends its owner a message at a given time; setting it again replaces the earlier time.
#[derive(Debug, Default)]
pub struct Alarm {
    set: Option<(Timestamp, AbortHandle)>,
}

impl Alarm {
    /// Tells `to` the message at `at`. Nothing happens if it is set to that time already.
    pub fn set<B, M>(&mut self, at: Timestamp, clock: &Clock, to: &Mail<B>, message: M)
    where
        B: Receive<M>,
        M: Letter,
    {
        if self.set.as_ref().is_some_and(|(set, task)| *set == at && !task.is_finished()) {
            return;
        }
        let (until, to) = (clock.instant(at), to.clone());
        let task = tokio::spawn(async move {
            tokio::time::sleep_until(until).await;
            to.tell(message);
        });
        self.clear();
        self.set = Some((at, task.abort_handle()));
    }

    /// Takes the time back.
    pub fn clear(&mut self) {
        if let Some((_, task)) = self.set.take() {
            task.abort();
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.clear();
    }
}
