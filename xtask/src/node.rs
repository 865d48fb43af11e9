//! The scripts of the Node client beside the packages that they need.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    process::{command, read},
    repository::Repository,
    stamp::{Stamp, clear},
};

/// The oldest Node that the client runs on.
const OLDEST: u32 = 20;

/// A folder that Node runs the scripts in.
#[derive(Debug, Clone)]
pub struct Node {
    folder: PathBuf,
}

impl Node {
    /// Installs the packages, unless they are there for the same Node and the same lock file, and puts the scripts
    /// beside them: Node looks for packages where the script is.
    pub fn prepare(repository: &Repository) -> Result<Self, String> {
        let version = read(command("node").arg("--version")).map_err(|_| "there is no node on the path")?;
        if major(&version).is_none_or(|major| major < OLDEST) {
            return Err(format!("Node {OLDEST} or newer is needed, and this is {}", version.trim()));
        }
        let folder = repository.tools.join("node");
        let source = repository.root.join("test-node-client");
        let lock = source.join("package-lock.json");
        let wanted =
            fs::read_to_string(&lock).map_err(|error| format!("cannot read {}: {error}", lock.display()))?;
        let stamp = Stamp::new(&folder, format!("{version}{wanted}"));
        let fresh = stamp.holds();
        if !fresh {
            clear(&folder)?;
        }
        copy(&source, &folder)?;
        if !fresh {
            println!("installing the packages of {} into {}", source.display(), folder.display());
            let mut npm = command("npm");
            npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&folder);
            read(&mut npm)?;
            stamp.put()?;
        }
        Ok(Self { folder })
    }

    /// A call of a script.
    pub fn script(&self, name: &str) -> Command {
        let mut node = command("node");
        node.arg(self.folder.join(name));
        node
    }
}

/// The first number of `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Copies the files of one folder into another.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let fault = |error: std::io::Error| format!("cannot copy {}: {error}", from.display());
    fs::create_dir_all(to).map_err(fault)?;
    for entry in fs::read_dir(from).map_err(fault)? {
        let file = entry.map_err(fault)?;
        if file.file_type().map_err(fault)?.is_file() {
            fs::copy(file.path(), to.join(file.file_name())).map_err(fault)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_begins_with_its_major() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("20"), None);
    }
}
