//! Commands that run to their end.

use std::{
    env,
    ffi::OsStr,
    process::{Command, Output},
};

pub use batch_gpt_rig::command::command;

use crate::repository::Repository;

/// Cargo, as it called us.
pub fn cargo() -> Command {
    command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Every waiting client is an open file on both ends, and the usual soft limit is 1,024.
pub fn raise_open_files() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        println!("the limit on open files stays as it is: {error}");
    }
}

/// Builds the gateway.
pub fn build(repository: &Repository) -> Result<(), String> {
    let mut build = cargo();
    build.args(["build", "--workspace", "--bin", "batch-gpt"]).current_dir(&repository.root);
    show(&mut build, 0)
}

/// Runs a command whose output people should see; fails unless it exits with `code`.
pub fn show(command: &mut Command, code: i32) -> Result<(), String> {
    let status = command.status().map_err(|error| describe(command, &error.to_string()))?;
    if status.code() == Some(code) {
        Ok(())
    } else {
        Err(describe(command, &format!("{status}, expected {code}")))
    }
}

/// Runs a command for its standard output.
pub fn read(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| describe(command, &error.to_string()))?;
    let Output { status, stdout, stderr } = output;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&stderr);
    let last = words.trim().lines().last().unwrap_or_default();
    Err(describe(command, &format!("{status}: {last}")))
}

/// Runs a command whose output people need only if it fails; its closing line otherwise.
pub fn quietly(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| describe(command, &error.to_string()))?;
    let Output { status, stdout, stderr } = output;
    let (said, complained) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    if status.success() {
        return Ok(said.lines().last().unwrap_or_default().to_owned());
    }
    Err(describe(command, &format!("{status}\n{}\n{}", said.trim(), complained.trim())))
}

fn describe(command: &Command, why: &str) -> String {
    let program = command.get_program().to_string_lossy();
    let arguments = command.get_args().map(OsStr::to_string_lossy);
    let words: Vec<_> = std::iter::once(program).chain(arguments).collect();
    format!("{}: {why}", words.join(" "))
}
