//! What the README tells newcomers to type, typed.

use std::{fs, net::TcpListener, path::Path, process::Command};

use clap::Args;

use crate::{
    acceptance::temporary,
    process::{build, cargo, command, read, show},
    repository::Repository,
};

/// The chapter whose commands are typed.
const CHAPTER: &str = "\n## Quick start\n";

/// What must have been seen when all of it has been typed.
const SEEN: [&str; 4] =
    ["12 of 12 prompts got their own answer.", "Answer to: Why is the sky blue?", "completed", "[+]store ok"];

/// Flags of `newcomer`.
#[derive(Debug, Args)]
pub struct NewcomerArgs {
    /// Only the README, in this tree and unoptimised, as a part of `test`.
    #[arg(long)]
    pub here: bool,
}

/// `cargo xtask newcomer`: the README on a clean clone, literally, and the first change of `CONTRIBUTING.md` with its
/// test. It builds everything anew, for speed.
pub fn run(args: &NewcomerArgs) -> Result<bool, String> {
    let repository = Repository::find()?;
    if args.here {
        build(&repository)?;
        return in_this_tree(&repository).map(|()| true);
    }
    let folder = temporary()?;
    let clone = folder.path().join("batch-gpt");
    show(command("git").args(["clone", "--quiet", "--local"]).arg(&repository.root).arg(&clone), 0)?;
    // The commands themselves run where there is no network.
    show(cargo().args(["fetch", "--locked"]).current_dir(&clone), 0)?;
    show(cargo().args(["build", "--release"]).current_dir(&clone).env_remove("CARGO_TARGET_DIR"), 0)?;
    type_all(&clone, None, &clone)?;
    first_change(&clone)?;
    Ok(true)
}

/// The same in the working tree as it stands, with the unoptimised programs that are built already, and with a data
/// folder elsewhere.
pub fn in_this_tree(repository: &Repository) -> Result<(), String> {
    let folder = temporary()?;
    type_all(&repository.root, Some(repository.target()), folder.path())
}

/// Types the commands in `tree`. With a target folder they lose their `--release`, and the data goes into `data`.
fn type_all(tree: &Path, target: Option<&Path>, data: &Path) -> Result<(), String> {
    let readme = tree.join("README.md");
    let text =
        fs::read_to_string(&readme).map_err(|error| format!("cannot read {}: {error}", readme.display()))?;
    let mut blocks = blocks(&text)?;
    if target.is_some() {
        blocks.iter_mut().for_each(|block| *block = block.replace("cargo run --release ", "cargo run "));
    }
    let mut shell = alone()?;
    shell.arg(script(&blocks)).current_dir(tree);
    match target {
        Some(target) => shell.env("CARGO_TARGET_DIR", target).env("BATCH_GPT_DATA_DIR", data.join("data")),
        None => shell.env_remove("CARGO_TARGET_DIR"),
    };
    let seen = read(&mut shell)?;
    println!("{} blocks typed", blocks.len());
    match SEEN.iter().find(|words| !seen.contains(**words)) {
        Some(words) => Err(format!("nothing said {words:?}; what was said:\n{seen}")),
        None => Ok(()),
    }
}

/// The shell blocks of the chapter, in their order.
fn blocks(readme: &str) -> Result<Vec<String>, String> {
    let (_, chapter) = readme.split_once(CHAPTER).ok_or("the README has no quick start")?;
    let chapter = chapter.split("\n## ").next().unwrap_or_default();
    let blocks = chapter.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let blocks: Vec<String> = blocks.map(|(block, _)| block.to_owned()).collect();
    if blocks.len() < 3 { Err(format!("{} blocks are no quick start", blocks.len())) } else { Ok(blocks) }
}

/// One block after the other; one that serves stays until the end, when it is told to stop as by Ctrl-C.
fn script(blocks: &[String]) -> String {
    let mut script =
        String::from("set -e\nserving=\ntrap 'test -z \"$serving\" || kill -INT \"$serving\"' EXIT\n");
    for block in blocks {
        match block.split_whitespace().any(|word| word == "serve") {
            true => {
                script += &format!(
                    "(exec {}) & serving=$!\n\
                     until curl -sf http://127.0.0.1:8080/readyz; do kill -0 \"$serving\"; sleep 0.1; done\n",
                    block.trim()
                );
            }
            false => script += block,
        }
    }
    script + "trap - EXIT\ntest -z \"$serving\" || { kill -INT \"$serving\"; wait \"$serving\"; }\n"
}

/// A shell on a network of its own, where the usual port is free; where that cannot be had, one on this machine's, if
/// the port is free there.
fn alone() -> Result<Command, String> {
    if read(command("unshare").args(["--net", "ip", "link", "set", "lo", "up"])).is_ok() {
        let mut shell = command("unshare");
        shell.args(["--net", "sh", "-c", "ip link set lo up && exec bash -c \"$1\"", "sh"]);
        return Ok(shell);
    }
    TcpListener::bind("127.0.0.1:8080").map_err(|error| format!("port 8080 is wanted: {error}"))?;
    let mut shell = command("bash");
    shell.arg("-c");
    Ok(shell)
}

/// Applies the first change of `CONTRIBUTING.md` and runs its test.
fn first_change(clone: &Path) -> Result<(), String> {
    let text = fs::read_to_string(clone.join("CONTRIBUTING.md"));
    let text = text.map_err(|error| format!("cannot read CONTRIBUTING.md: {error}"))?;
    let pieces = text.split("```diff\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let change: String = pieces.map(|(piece, _)| piece).collect();
    let patch = clone.join("first-change.diff");
    fs::write(&patch, change).map_err(|error| format!("cannot write {}: {error}", patch.display()))?;
    show(command("git").args(["apply", "first-change.diff"]).current_dir(clone), 0)?;
    let mut test = cargo();
    test.args(["test", "-p", "batch-gpt-actors", "--test", "properties", "fullest"]).current_dir(clone);
    let said = read(test.env_remove("CARGO_TARGET_DIR"))?;
    if said.contains("1 passed") {
        Ok(())
    } else {
        Err(format!("the test of the first change did not run:\n{said}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chapter_alone_is_typed_and_what_serves_stays() {
        let readme = "# x\n```sh\nno\n```\n## Quick start\n```sh\na --release\n```\nwords\n```python\nno\n```\n\
                      ```sh\ncargo run -- serve\n```\n```sh\nb\n```\n## Next\n```sh\nno\n```\n";
        let typed = ["a --release\n", "cargo run -- serve\n", "b\n"].map(str::to_owned).to_vec();
        assert_eq!(blocks(readme), Ok(typed.clone()));
        let script = script(&typed);
        assert!(script.contains("(exec cargo run -- serve) &") && !script.contains("no\n"), "{script}");
    }
}
