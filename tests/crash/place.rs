//! Where a gateway keeps its journal, from one life to the next.

use std::process::Command;

use tempfile::TempDir;

use crate::mongod::{self, Kind};

pub(crate) enum Place {
    Embedded(TempDir),
    Mongo { uri: &'static str, database: String },
}

impl Place {
    pub(crate) fn embedded() -> Self {
        Self::Embedded(tempfile::tempdir().unwrap())
    }

    /// `None` where there is no server (and the reason was printed).
    pub(crate) async fn mongo() -> Option<Self> {
        let deployment = mongod::shared(Kind::Open).await?;
        Some(Self::Mongo { uri: &deployment.uri, database: mongod::database() })
    }

    pub(crate) fn tell(&self, gateway: &mut Command) {
        match self {
            Self::Embedded(folder) => gateway.env("BATCH_GPT_DATA_DIR", folder.path().join("data")),
            Self::Mongo { uri, database } => gateway.env("MONGODB_URI", uri).env("MONGO_DATABASE", database),
        };
    }
}
