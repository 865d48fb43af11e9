//! Ends the gateway in the middle of something: at a step of a call to its store or its upstream.

use std::{
    future::pending,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
};

use tokio::sync::Notify;

#[derive(Default)]
pub struct Trap {
    /// Steps that may still be taken; zero if the trap is not set.
    left: AtomicU32,
    sprung: AtomicBool,
    word: Notify,
}

impl Trap {
    /// The `steps`-th step from now on is the last one.
    pub fn set(&self, steps: u32) {
        self.left.store(steps, Relaxed);
    }

    /// For the next gateway.
    pub fn clear(&self) {
        self.left.store(0, Relaxed);
        self.sprung.store(false, Relaxed);
    }

    /// A step. No step is taken after the last one.
    pub async fn pass(&self) {
        let left = self.left.load(Relaxed);
        if left > 0 {
            self.left.store(left - 1, Relaxed);
        }
        if left == 1 {
            self.sprung.store(true, Relaxed);
            self.word.notify_one();
        }
        if self.sprung.load(Relaxed) {
            pending::<()>().await;
        }
    }

    /// Returns when the last step was taken.
    pub async fn sprung(&self) {
        while !self.sprung.load(Relaxed) {
            self.word.notified().await;
        }
    }
}
