//! A `batch-gpt` that runs beside a test or a step.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::command::command;

/// After so long a program that has not said where it listens will not say it any more.
const START_LIMIT: Duration = Duration::from_secs(120);
/// After so long a program that was told to stop hangs: more than its own limits for an orderly stop together.
const STOP_LIMIT: Duration = Duration::from_secs(120);
/// Pause between two looks at a program that stops.
const LOOK: Duration = Duration::from_millis(20);

/// A running program. One that is dropped without [`stop`](Self::stop) is killed.
pub struct Running {
    child: Child,
    log: PathBuf,
    /// Where its own part of the log begins.
    begin: u64,
    reader: Option<JoinHandle<()>>,
    urls: Receiver<String>,
    /// Where its API is; empty until it has said so.
    pub base_url: String,
}

impl Running {
    /// Starts a program that listens on a free port, and waits until it says where.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self, String> {
        let mut running = Self::spawn(command, log)?;
        running.listens()?;
        Ok(running)
    }

    /// Starts a program. What it says is added to the log.
    pub fn spawn(command: &mut Command, log: &Path) -> Result<Self, String> {
        let file = OpenOptions::new().create(true).append(true).open(log);
        let file = file.map_err(|error| format!("cannot write {}: {error}", log.display()))?;
        let begin = fs::metadata(log).map_or(0, |log| log.len());
        if !command.get_envs().any(|(name, value)| name == "RUST_LOG" && value.is_some()) {
            // The greeting is read from the log.
            command.env("RUST_LOG", "info");
        }
        let spawned = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child =
            spawned.map_err(|error| format!("cannot start {:?}: {error}", command.get_program()))?;
        let (sender, urls) = channel();
        let reader = child.stderr.take().map(|stderr| thread::spawn(move || follow(stderr, file, &sender)));
        Ok(Self { child, log: log.to_owned(), begin, reader, urls, base_url: String::new() })
    }

    /// Waits until it says where it listens.
    pub fn listens(&mut self) -> Result<(), String> {
        // The sender goes away with the program, so that one which ends early is noticed at once.
        let url = self.urls.recv_timeout(START_LIMIT);
        self.base_url =
            url.map_err(|_| format!("it did not say where it listens; see {}", self.log.display()))?;
        Ok(())
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a crash would: no handler of its own runs.
    pub fn kill(mut self) -> Result<(), String> {
        let killed = self.child.kill();
        killed.map_err(|error| format!("cannot kill it: {error}"))?;
        let waited = self.child.wait();
        waited.map_err(|error| format!("cannot wait for it: {error}"))?;
        Ok(())
    }

    /// Tells it to stop in order; fails unless it exits with 0.
    pub fn stop(mut self) -> Result<(), String> {
        let pid = self.child.id().to_string();
        let told = command("sh").args(["-c", "kill -TERM \"$1\"", "sh", &pid]).status();
        told.map_err(|error| format!("cannot tell it to stop: {error}"))?;
        let status = self.ends(STOP_LIMIT)?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("it ended with {status}; see {}", self.log.display()))
        }
    }

    /// Waits until it ends by itself.
    pub fn ends(&mut self, limit: Duration) -> Result<ExitStatus, String> {
        let began = Instant::now();
        while began.elapsed() < limit {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    // Its last words are part of the log.
                    if let Some(reader) = self.reader.take() {
                        let _ = reader.join();
                    }
                    return Ok(status);
                }
                Ok(None) => thread::sleep(LOOK),
                Err(error) => return Err(format!("cannot wait for it: {error}")),
            }
        }
        Err(format!("it did not end; see {}", self.log.display()))
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        let mut said = Vec::new();
        let read = File::open(&self.log).and_then(|mut log| {
            log.seek(SeekFrom::Start(self.begin))?;
            log.read_to_end(&mut said)
        });
        match read {
            Ok(_) => String::from_utf8_lossy(&said).into_owned(),
            Err(error) => format!("cannot read {}: {error}", self.log.display()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which is just as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Keeps what the program says, and passes on the URL in it.
fn follow(stderr: ChildStderr, mut log: File, urls: &Sender<String>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        // A log that cannot be written is a pity, but no reason to let the program block on a full pipe.
        let _ = writeln!(log, "{line}");
        if let Some(url) = url(&line) {
            // Whoever waited has the first one and needs no more.
            let _ = urls.send(url.to_owned());
        }
    }
}

/// The URL in a line that says that something serves it.
fn url(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(" serves ")?;
    rest.split_whitespace().next().filter(|word| word.starts_with("http://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_greeting() {
        let line = "[… INFO  batch_gpt] batch-gpt 0.1.0 serves http://127.0.0.1:4000/v1 with the upstream";
        assert_eq!(url(line), Some("http://127.0.0.1:4000/v1"));
        assert_eq!(url("the simulated upstream serves http://127.0.0.1:1/v1"), Some("http://127.0.0.1:1/v1"));
        assert_eq!(url("starting service on 127.0.0.1:4000"), None);
    }
}
