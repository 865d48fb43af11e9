//! The wish that an actor comes to rest.

use tokio::sync::oneshot;

use crate::cell::Letter;

/// Take nothing new that you could refuse, bring what you have in hand on its way, and say when that is done.
pub struct Drain {
    /// For the word.
    pub reply: oneshot::Sender<()>,
}

impl Letter for Drain {
    const NAME: &'static str = "Drain";
    type Reply = ();
}
