//! A scene: much that goes on at once around a gateway, in a folder of its own.

use std::path::Path;

use crate::{
    acceptance::temporary,
    process::{build, raise_open_files},
    repository::Repository,
};

/// Builds the gateway and has it endure something. True if it did.
pub fn alone(endure: impl FnOnce(&Path) -> Result<(), String>) -> Result<bool, String> {
    raise_open_files();
    let repository = Repository::find()?;
    build(&repository)?;
    let endured = endure(&repository.gateway());
    if let Err(why) = &endured {
        println!("failed: {why}");
    }
    Ok(endured.is_ok())
}

/// Plays a scene in a folder, which stays if it fails.
pub fn play(scene: impl AsyncFnOnce(&Path) -> Result<(), String>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start threads: {error}"))?;
    let folder = temporary()?;
    let outcome = runtime.block_on(scene(folder.path()));
    if outcome.is_err() {
        // The logs tell what happened.
        println!("the logs are in {}", folder.keep().display());
    }
    outcome
}
