//! Where the journal lives: one way to open a store, whichever kind it is.
//!
//! A store keeps what [`batch_gpt_actors::ports::Store`] asks for and nothing else. `embedded` is a file beside the
//! gateway, `mongo` a database elsewhere. One gateway at a time works on either. Both pass the same suite, `tests/store_conformance`.

use std::{fmt, path::PathBuf, sync::Arc};

use batch_gpt_actors::ports::{Store, StoreFault};

mod embedded;
mod lines;
mod mongo;
mod state;

/// Which store, and where it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A file in a folder of this machine.
    Embedded {
        /// The folder; created if it is not there.
        folder: PathBuf,
    },
    /// A MongoDB deployment.
    Mongo {
        /// Its connection string.
        uri: String,
        /// The database in it.
        database: String,
    },
}

/// The connection string may hold a password, so it is left out.
impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded { folder } => f.debug_struct("Embedded").field("folder", folder).finish(),
            Self::Mongo { database, .. } => {
                f.debug_struct("Mongo").field("database", database).finish_non_exhaustive()
            }
        }
    }
}

/// Likewise, for people.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded { folder } => write!(f, "SQLite in {}", folder.display()),
            Self::Mongo { database, .. } => write!(f, "MongoDB, database {database}"),
        }
    }
}

/// Opens a store. `owner` names this gateway in the batches that it seals, so that gateways which will share a
/// store can tell whose a batch is. One that cannot be reached just now is [`StoreFault::Unavailable`]; trying again is
/// the caller's business.
pub async fn open(location: &Location, owner: &str) -> Result<Arc<dyn Store>, StoreFault> {
    match location {
        Location::Embedded { folder } => embedded::open(folder, owner).await,
        Location::Mongo { uri, database } => Ok(Arc::new(mongo::open(uri, database, owner).await?)),
    }
}
