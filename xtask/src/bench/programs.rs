//! The programs that a benchmark is made of.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use batch_gpt_rig::{command::command, running::Running};
use serde_json::Value;

use super::usage;
use crate::{
    process::{cargo, read, show},
    repository::Repository,
};

/// Where they are.
#[derive(Debug)]
pub struct Programs {
    /// The gateway, and the simulated upstream.
    pub gateway: PathBuf,
    load: PathBuf,
    floor: PathBuf,
    fill: PathBuf,
    /// For logs and stores. It is on a real disk, which a system's folder for temporary files may not be.
    pub folder: PathBuf,
}

impl Programs {
    /// Builds them for speed.
    pub fn build(repository: &Repository) -> Result<Self, String> {
        let mut build = cargo();
        build.args(["build", "--release", "-p", "batch-gpt", "-p", "batch-gpt-bench", "--bins"]);
        show(build.current_dir(&repository.root), 0)?;
        Ok(Self {
            gateway: repository.released("batch-gpt"),
            load: repository.released("load"),
            floor: repository.released("floor"),
            fill: repository.released("fill"),
            folder: repository.tools.clone(),
        })
    }

    /// Starts the bare server.
    pub fn floor(&self) -> Result<Running, String> {
        self.start_floor(&[])
    }

    /// The same, with a file that it sends.
    pub fn floor_with(&self, source: &Path) -> Result<Running, String> {
        self.start_floor(&["--source".as_ref(), source.as_os_str()])
    }

    fn start_floor(&self, more: &[&OsStr]) -> Result<Running, String> {
        Running::start(command(&self.floor).arg("serve").args(more), &self.folder.join("floor.log"))
    }

    /// A plain copy, or a scan of a file: its seconds.
    pub fn copy(&self, arguments: &[&OsStr]) -> Result<f64, String> {
        let report = read(command(&self.floor).args(arguments))?;
        let report: Value = serde_json::from_str(&report).map_err(|error| error.to_string())?;
        report["seconds"].as_f64().ok_or_else(|| format!("a copy says {report}"))
    }

    /// Fills a store with answers.
    pub fn fill(&self, folder: &Path, answers: usize) -> Result<(), String> {
        show(command(&self.fill).arg(folder).arg(answers.to_string()), 0)
    }

    /// The load generator against the server at this address.
    pub fn load(&self, target: &str) -> Command {
        let mut load = command(&self.load);
        load.args(["--target", target]);
        load
    }
}

/// A load generator at work.
pub struct Load {
    child: Child,
    words: BufReader<ChildStdout>,
}

impl Load {
    /// Starts it.
    pub fn start(load: &mut Command) -> Result<Self, String> {
        let fault = |error: std::io::Error| format!("cannot start the load generator: {error}");
        let mut child = load.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(fault)?;
        let words = child.stdout.take().ok_or("the load generator has no output")?;
        Ok(Self { child, words: BufReader::new(words) })
    }

    /// What it says next. It gives up by itself, so this ends.
    pub fn next(&mut self) -> Result<Value, String> {
        let mut line = String::new();
        self.words.read_line(&mut line).map_err(|error| error.to_string())?;
        serde_json::from_str(&line).map_err(|_| String::from("the load generator gave up"))
    }

    /// What it says in the end; fails if a request got no answer.
    pub fn report(mut self) -> Result<Report, String> {
        let said = self.next()?;
        let report = Report { said, cpu: usage::cpu(self.child.id())? };
        match report.said["errors"].as_object().and_then(|errors| errors.iter().next()) {
            Some((error, count)) => Err(format!("{count} requests got no answer: {error}")),
            None => Ok(report),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // It may have ended by itself, which is just as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a load generator says in the end.
#[derive(Debug)]
pub struct Report {
    said: Value,
    cpu: Duration,
}

impl Report {
    /// A number that stands at the top.
    pub fn number(&self, name: &str) -> Result<f64, String> {
        let said = &self.said;
        said[name].as_f64().ok_or_else(|| format!("the load generator does not say {name}: {said}"))
    }

    /// How many answers had this status.
    pub fn count(&self, status: u16) -> f64 {
        self.of(status, "count").unwrap_or(0.0)
    }

    /// Answers with this status in a second.
    pub fn rate(&self, status: u16) -> Result<f64, String> {
        Ok(self.count(status) / self.number("seconds")?)
    }

    /// Processors that the load generator kept busy by itself.
    pub fn cores(&self) -> Result<f64, String> {
        Ok(self.cpu.as_secs_f64() / self.number("seconds")?)
    }

    /// The 99th percentile of the times of answers with this status, in milliseconds.
    pub fn p99(&self, status: u16) -> Option<f64> {
        Some(self.of(status, "p99_us")? / 1000.0)
    }

    /// Fails if there was an answer with another status.
    pub fn only(&self, statuses: &[u16]) -> Result<(), String> {
        let seen = self.said["statuses"].as_object().into_iter().flatten();
        let strange = seen
            .map(|(status, _)| status)
            .find(|status| status.parse().map_or(true, |status: u16| !statuses.contains(&status)));
        strange.map_or(Ok(()), |status| Err(format!("answers with status {status}: {}", self.said)))
    }

    fn of(&self, status: u16, figure: &str) -> Option<f64> {
        self.said["statuses"][status.to_string()][figure].as_f64()
    }
}
