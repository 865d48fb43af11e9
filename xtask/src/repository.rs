//! Where things are.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The folders that chores work with.
#[derive(Debug, Clone)]
pub struct Repository {
    /// The root of the working tree.
    pub root: PathBuf,
    /// Where cargo puts the debug binaries.
    binaries: PathBuf,
    /// What tests need and the repository does not hold.
    pub tools: PathBuf,
}

impl Repository {
    /// Finds the repository that this program was built from.
    pub fn find() -> Result<Self, String> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest).parent().map(Path::to_path_buf);
        let root = root.ok_or("the working tree has no root")?;
        // Cargo puts all binaries of one profile beside each other, wherever the target folder is.
        let me = env::current_exe().map_err(|error| format!("cannot tell where xtask runs: {error}"))?;
        let binaries = me.parent().map(Path::to_path_buf);
        let binaries = binaries.ok_or("xtask runs in no folder")?;
        let tools = binaries.parent().unwrap_or(&binaries).join("test-tools");
        fs::create_dir_all(&tools).map_err(|error| format!("cannot make {}: {error}", tools.display()))?;
        Ok(Self { root, binaries, tools })
    }

    /// The gateway, once cargo has built it.
    pub fn gateway(&self) -> PathBuf {
        self.binaries.join("batch-gpt")
    }

    /// Where cargo puts everything.
    pub fn target(&self) -> &Path {
        self.binaries.parent().unwrap_or(&self.binaries)
    }

    /// A program that cargo has built for speed.
    pub fn released(&self, name: &str) -> PathBuf {
        self.target().join("release").join(name)
    }

    /// A script of the Python client.
    pub fn script(&self, name: &str) -> PathBuf {
        self.root.join("test-python-client").join(name)
    }
}
