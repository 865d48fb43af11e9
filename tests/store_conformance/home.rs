//! A place that outlives the stores opened in it.

use std::sync::Arc;

use batch_gpt::store::{self, Location};
use batch_gpt_actors::ports::Store;

use crate::mongod::{self, Deployment, Kind};

/// One kind of place.
pub(crate) trait Home: Sized + Send + Sync {
    /// Whether a group that was never acknowledged is there wholly or not at all.
    const ATOMIC: bool;

    /// An empty one; `None` where this kind cannot be had (and the reason was printed).
    async fn fresh() -> Option<Self>;

    /// Where it is.
    fn location(&self) -> Location;

    /// Opens a store in it.
    async fn open(&self) -> Arc<dyn Store> {
        store::open(&self.location(), "gateway").await.unwrap()
    }

    /// Closes `store` and opens another in its place.
    async fn reopen(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        store.close().await;
        self.open().await
    }
}

/// A folder for the embedded store.
pub(crate) struct Folder(tempfile::TempDir);

impl Home for Folder {
    const ATOMIC: bool = true;

    async fn fresh() -> Option<Self> {
        Some(Self(tempfile::tempdir().unwrap()))
    }

    fn location(&self) -> Location {
        Location::Embedded { folder: self.0.path().to_owned() }
    }
}

/// A database for the MongoDB store, on each kind of deployment.
macro_rules! database {
    ($home:ident, $kind:ident) => {
        pub(crate) struct $home {
            deployment: &'static Deployment,
            database: String,
        }

        impl Home for $home {
            const ATOMIC: bool = false;

            async fn fresh() -> Option<Self> {
                let deployment = mongod::shared(Kind::$kind).await?;
                Some(Self { deployment, database: mongod::database() })
            }

            fn location(&self) -> Location {
                Location::Mongo { uri: self.deployment.uri.clone(), database: self.database.clone() }
            }
        }
    };
}

database!(Open, Open);
database!(Guarded, Guarded);
database!(ReplicaSet, ReplicaSet);
