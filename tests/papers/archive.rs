//! The archive of a release, packed with the program under test.

use std::{collections::BTreeSet, process::Command};

use tempfile::TempDir;

use crate::repository::{command, root};

const PROGRAM: &str = env!("CARGO_BIN_EXE_batch-gpt");

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn packed() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    run(Command::new(root().join("deploy/archive"))
        .args([PROGRAM, "batch-gpt-test"])
        .current_dir(folder.path()));
    folder
}

#[test]
fn the_archive_holds_the_program_and_its_papers() {
    let folder = packed();
    let listed = run(Command::new("tar").args(["-tzf", "batch-gpt-test.tar.gz"]).current_dir(folder.path()));
    let listed = String::from_utf8(listed).unwrap();
    let files: BTreeSet<_> = listed
        .lines()
        .filter(|line| !line.ends_with('/'))
        .map(|line| line.strip_prefix("batch-gpt-test/").unwrap())
        .collect();
    let mut expected: BTreeSet<String> = [
        "batch-gpt",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "openapi.json",
        "prices.json",
        "batch-gpt.service",
        "man/batch-gpt.1",
    ]
    .map(str::to_owned)
    .into();
    expected.extend(["bash", "elvish", "fish", "zsh"].map(|shell| format!("completions/batch-gpt.{shell}")));
    fn pages(command: &clap::Command, above: &str, expected: &mut BTreeSet<String>) {
        for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
            let name = format!("{above}-{}", command.get_name());
            expected.insert(format!("man/{name}.1"));
            pages(command, &name, expected);
        }
    }
    pages(&command(), "batch-gpt", &mut expected);
    assert_eq!(files, expected.iter().map(String::as_str).collect());
    run(Command::new("tar").args(["-xzf", "batch-gpt-test.tar.gz"]).current_dir(folder.path()));
    let version = run(Command::new(folder.path().join("batch-gpt-test/batch-gpt")).arg("--version"));
    assert_eq!(String::from_utf8(version).unwrap(), format!("batch-gpt {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_same_files_make_the_same_archive() {
    if !String::from_utf8_lossy(&run(Command::new("tar").arg("--version"))).contains("GNU") {
        println!("skipped: this tar is not GNU's");
        return;
    }
    let archive = |folder: &TempDir| std::fs::read(folder.path().join("batch-gpt-test.tar.gz")).unwrap();
    assert!(archive(&packed()) == archive(&packed()));
}

/// The shell itself completes, as it would for a person who presses the tab key.
#[test]
fn bash_completes_commands_and_flags() {
    let script = r#"
        source <("$1" completions bash)
        function=$(complete -p batch-gpt | sed 's/.* -F \([^ ]*\) .*/\1/')
        completed() {
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
            "$function" batch-gpt "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            echo "${COMPREPLY[@]}"
        }
        completed batch-gpt heal
        completed batch-gpt serve --simu
    "#;
    let said = run(Command::new("bash").args(["-c", script, "bash", PROGRAM]));
    assert_eq!(String::from_utf8(said).unwrap(), "healthcheck\n--simulate\n");
}

#[test]
fn the_manual_names_commands_and_variables() {
    let page = String::from_utf8(run(Command::new(PROGRAM).arg("man"))).unwrap();
    for word in ["batch\\-gpt", "BATCH_GPT_DATA_DIR", "healthcheck", ".SH OPTIONS", ".SH SUBCOMMANDS"] {
        assert!(page.contains(word), "{word} is not in the page");
    }
}
