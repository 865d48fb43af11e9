//! The first change that `CONTRIBUTING.md` walks through.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use crate::repository::{read, root};

/// The change, as it stands there piece by piece.
fn change() -> String {
    let text = read("CONTRIBUTING.md");
    let (_, chapter) = text.split_once("\n## A first change\n").expect("a chapter on a first change");
    let chapter = chapter.split("\n## ").next().unwrap();
    let pieces = chapter.split("```diff\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    pieces.collect()
}

/// Whether the compiler and the tests like it, `cargo xtask newcomer` tries.
#[test]
fn the_change_fits_the_tree() {
    let change = change();
    assert!(change.matches("\n+++ ").count() >= 2, "a rule and a shell");
    let mut git = Command::new("git");
    git.args(["apply", "--check", "-"]).current_dir(root()).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut git = git.spawn().unwrap();
    git.stdin.take().unwrap().write_all(change.as_bytes()).unwrap();
    let output = git.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
