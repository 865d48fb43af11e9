//! Files of the working tree, and what the program says of itself.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use batch_gpt::cli::Cli;
use clap::{Command, CommandFactory};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Files below a folder, relative to the root.
pub fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(root()).unwrap().to_owned()),
            }
        }
    }
    found.sort();
    found
}

/// The command line, with everything that clap adds to it.
pub fn command() -> Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// Every variable that some command reads.
pub fn variables() -> BTreeSet<String> {
    fn of(command: &Command, found: &mut BTreeSet<String>) {
        let named = command.get_arguments().filter_map(|argument| argument.get_env());
        found.extend(named.map(|name| name.to_str().unwrap().to_owned()));
        command.get_subcommands().for_each(|command| of(command, found));
    }
    let mut found = BTreeSet::from(["RUST_LOG".to_owned()]);
    of(&command(), &mut found);
    found
}

/// The default that a flag's help names.
pub fn default_of(variable: &str) -> String {
    let command = command();
    let serve = command.find_subcommand("serve").unwrap();
    let flag = serve.get_arguments().find(|flag| flag.get_env().is_some_and(|name| name == variable));
    let help = flag.and_then(|flag| flag.get_help()).unwrap_or_else(|| panic!("no {variable}")).to_string();
    let (_, default) = help.split_once("[default: ").unwrap_or_else(|| panic!("{variable} has no default"));
    default.split([';', ']']).next().unwrap().to_owned()
}

/// A word that could give away what is inside.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["KEY", "SECRET", "TOKEN", "PASSWORD", "MONGODB_URI"].iter().any(|word| name.contains(word))
}
