//! Where the journal lives: one way to open a store, whichever kind it is.
//!
//! A store keeps what [`batch_gpt_actors::ports::Store`] asks for and nothing else. `embedded` is a file beside the
//! gateway. Both kinds pass the same suite, `tests/store_conformance`.

use std::{path::PathBuf, sync::Arc};

use batch_gpt_actors::ports::{Store, StoreFault};

mod embedded;

/// Which store, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file in a folder of this machine.
    Embedded {
        /// The folder; created if it is not there.
        folder: PathBuf,
    },
}

/// Opens a store. `owner` names this gateway in the batches that it seals, so that gateways which share a store
/// can tell whose a batch is.
pub async fn open(location: &Location, owner: &str) -> Result<Arc<dyn Store>, StoreFault> {
    match location {
        Location::Embedded { folder } => embedded::open(folder, owner).await,
    }
}
