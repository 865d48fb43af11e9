//! A `batch-gpt` that runs beside a step.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::process::{command, read};

/// After so long a program that has not said where it listens will not say it any more.
const START_LIMIT: Duration = Duration::from_secs(120);
/// After so long a program that was told to stop hangs: more than its own limits for an orderly stop together.
const STOP_LIMIT: Duration = Duration::from_secs(120);
/// Pause between two looks at a program that stops.
const LOOK: Duration = Duration::from_millis(50);

/// A running program. One that is dropped without [`stop`](Self::stop) is killed.
pub struct Running {
    child: Child,
    log: PathBuf,
    reader: Option<JoinHandle<()>>,
    /// Where its API is.
    pub base_url: String,
}

impl Running {
    /// Starts a program that listens on a free port, and waits until it says where.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self, String> {
        let file = File::create(log).map_err(|error| format!("cannot write {}: {error}", log.display()))?;
        // The greeting is read from the log.
        command.env("RUST_LOG", "info");
        let spawned = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child =
            spawned.map_err(|error| format!("cannot start {:?}: {error}", command.get_program()))?;
        let (sender, receiver) = channel();
        let reader = child
            .stderr
            .take()
            .map(|stderr| thread::spawn(move || follow(stderr, file, &sender)));
        let mut running = Self {
            child,
            log: log.to_owned(),
            reader,
            base_url: String::new(),
        };
        running.base_url = running.wait_for_url(&receiver)?;
        Ok(running)
    }

    fn wait_for_url(&self, urls: &Receiver<String>) -> Result<String, String> {
        // The sender goes away with the program, so that one which ends early is noticed at once.
        urls.recv_timeout(START_LIMIT)
            .map_err(|_| format!("it did not say where it listens; see {}", self.log.display()))
    }

    /// Tells it to stop in order; fails unless it exits with 0.
    pub fn stop(mut self) -> Result<(), String> {
        let pid = self.child.id().to_string();
        read(command("sh").args(["-c", "kill -TERM \"$1\"", "sh", &pid]))?;
        let began = Instant::now();
        while began.elapsed() < STOP_LIMIT {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => {
                    return Err(format!("it ended with {status}; see {}", self.log.display()));
                }
                Ok(None) => thread::sleep(LOOK),
                Err(error) => return Err(format!("cannot wait for it: {error}")),
            }
        }
        Err(format!("it did not stop; see {}", self.log.display()))
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

/// Keeps what the program says, and passes on the first URL in it.
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
    rest.split_whitespace()
        .next()
        .filter(|word| word.starts_with("http://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_greeting() {
        let line = "[… INFO  batch_gpt] batch-gpt 0.1.0 serves http://127.0.0.1:4000/v1 with the upstream";
        assert_eq!(url(line), Some("http://127.0.0.1:4000/v1"));
        assert_eq!(
            url("the simulated upstream serves http://127.0.0.1:1/v1"),
            Some("http://127.0.0.1:1/v1")
        );
        assert_eq!(url("starting service on 127.0.0.1:4000"), None);
    }
}
