//! A small file system of its own, where the machine lets us have one.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A file system in memory, gone when dropped.
pub(crate) struct Mounted(TempDir);

impl Mounted {
    /// `None` where this user may not mount (and the reason is printed).
    pub(crate) fn new(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted =
            run(Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder.path()));
        if !mounted {
            eprintln!("skipped: this user may not mount a tmpfs");
            return None;
        }
        Some(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(run(Command::new("mount").args(["-o", &options]).arg(self.path())));
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily, because a process that is about to end may still have files open.
        run(Command::new("umount").arg("-l").arg(self.path()));
    }
}

fn run(command: &mut Command) -> bool {
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
