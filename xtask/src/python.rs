//! A Python with packages of the test client, in a virtual environment of its own.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    process::{command, read},
    repository::Repository,
    stamp::{Stamp, clear},
};

/// The environment of what builds upon openai-python 3, and of the scripts of the test client.
pub const OPENAI_3: &str = "openai-3";
/// The environment of what builds upon openai-python 2.
pub const OPENAI_2: &str = "openai-2";
/// The environment of what examines the API against its document.
pub const OPENAPI: &str = "openapi";

/// A virtual environment.
#[derive(Debug, Clone)]
pub struct Python {
    /// The interpreter of the virtual environment.
    pub interpreter: PathBuf,
}

impl Python {
    /// Makes the environment of this name, unless it is there with the same Python and the same requirements.
    pub fn prepare(repository: &Repository, name: &str) -> Result<Self, String> {
        let folder = repository.tools.join(format!("python-{name}"));
        let requirements = repository.script(&format!("requirements-{name}.txt"));
        let wanted = fs::read_to_string(&requirements)
            .map_err(|error| format!("cannot read {}: {error}", requirements.display()))?;
        let version = read(command("python3").arg("--version"))?;
        let stamp = Stamp::new(&folder, format!("{version}{wanted}"));
        let python = Self { interpreter: folder.join("bin/python") };
        if stamp.holds() {
            return Ok(python);
        }
        println!("installing {} into {}", requirements.display(), folder.display());
        clear(&folder)?;
        python.create(&folder)?;
        python.install(&[OsStr::new("-r"), requirements.as_os_str()])?;
        stamp.put()?;
        Ok(python)
    }

    /// Some distributions ship Python without the means to put an installer into an environment. Then it gets none,
    /// and the system's installer is used.
    fn create(&self, folder: &Path) -> Result<(), String> {
        let venv = || {
            let mut python = command("python3");
            python.args(["-m", "venv"]);
            python
        };
        if read(venv().arg(folder)).is_ok() {
            return Ok(());
        }
        clear(folder)?;
        read(venv().arg("--without-pip").arg(folder)).map(drop)
    }

    /// Installs packages into the environment.
    fn install(&self, what: &[&OsStr]) -> Result<(), String> {
        if self.has_pip() {
            return read(self.pip()?.args(what)).map(drop);
        }
        let place = "import sysconfig; print(sysconfig.get_path('purelib'))";
        let packages = read(self.command().args(["-c", place]))?;
        self.install_into(Path::new(packages.trim()), what)
    }

    /// Installs packages into a folder.
    pub fn install_into(&self, folder: &Path, what: &[&OsStr]) -> Result<(), String> {
        read(self.pip()?.arg("--target").arg(folder).args(what)).map(drop)
    }

    /// `pip install`, the environment's own or else the system's.
    fn pip(&self) -> Result<Command, String> {
        let mut python = if self.has_pip() {
            self.command()
        } else {
            read(command("python3").args(["-m", "pip", "--version"]))
                .map_err(|_| "python3 has no pip; the packages python3-venv or python3-pip bring it")?;
            command("python3")
        };
        python.args(["-m", "pip", "install", "--quiet"]);
        Ok(python)
    }

    fn has_pip(&self) -> bool {
        read(self.command().args(["-m", "pip", "--version"])).is_ok()
    }

    /// The interpreter, ready for arguments.
    pub fn command(&self) -> Command {
        command(&self.interpreter)
    }
}
