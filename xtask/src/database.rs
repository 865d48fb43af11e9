//! A MongoDB server that lives as long as a chore's rounds.

use std::{
    fs,
    path::Path,
    process::{Child, Stdio},
};

use batch_gpt_rig::{command::command, port};

/// A running server; it is killed when it is dropped.
pub struct Database {
    server: Child,
    /// Where it is.
    pub uri: String,
}

impl Database {
    /// Starts it; the gateway itself waits until it answers.
    pub fn start(program: &Path, folder: &Path) -> Result<Self, String> {
        let fault = |error: std::io::Error| format!("cannot start {}: {error}", program.display());
        let port = port::free().ok_or("no port is free")?;
        fs::create_dir_all(folder).map_err(fault)?;
        let server = command(program)
            .args(["--bind_ip", "127.0.0.1", "--nounixsocket", "--quiet"])
            .args(["--wiredTigerCacheSizeGB", "0.5", "--port", &port.to_string()])
            .arg("--dbpath")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(fault)?;
        Ok(Self { server, uri: format!("mongodb://127.0.0.1:{port}/") })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Its data goes with the rounds; it may have ended by itself, which is just as well.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
