//! `docs/configuration.md`, whose tables are made from the command line, and the table of settings in `README.md`.
//!
//! With `BATCH_GPT_WRITE_DOCS=1` (`cargo xtask docs`) the page is written instead of compared.

use std::{collections::BTreeMap, fmt::Write};

use clap::{Arg, Command};

use crate::repository::{command, read, root};

const PAGE: &str = "docs/configuration.md";
const BEGIN: &str =
    "<!-- made from the command line: begin; `cargo xtask docs` writes what stands here -->\n";
const END: &str = "<!-- made from the command line: end -->\n";

/// A flag as a table shows it.
struct Flag {
    name: String,
    variable: Option<String>,
    default: String,
    means: String,
}

impl Flag {
    fn of(argument: &Arg) -> Self {
        let help =
            argument.get_help().unwrap_or_else(|| panic!("{} has no help", argument.get_id())).to_string();
        let (means, told) =
            help.split_once(" [default: ").map_or((help.as_str(), None), |(means, told)| (means, Some(told)));
        let values = argument.get_default_values().iter().map(|value| value.to_string_lossy());
        let own = values.collect::<Vec<_>>().join(" ");
        let default = match told {
            Some(told) => told.trim_end_matches(']').to_owned(),
            None if argument.get_action().takes_values() => own,
            None => String::new(),
        };
        let value = argument
            .get_value_names()
            .into_iter()
            .flatten()
            .map(|name| name.as_str())
            .collect::<Vec<_>>()
            .join(" ");
        let takes = argument.get_action().takes_values();
        let name = match (argument.get_long(), takes) {
            (Some(long), true) => format!("--{long} {value}"),
            (Some(long), false) => format!("--{long}"),
            (None, _) => value,
        };
        let variable = argument.get_env().map(|name| name.to_str().unwrap().to_owned());
        Self { name, variable, default, means: means.to_owned() }
    }

    fn row(&self) -> String {
        let code = |text: &str| match text {
            "" => String::new(),
            text => format!("`{text}`"),
        };
        let cells = [
            code(self.variable.as_deref().unwrap_or_default()),
            code(&self.name),
            code(&self.default),
            self.means.clone(),
        ];
        let cells = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        format!("| {} |\n", cells.join(" | ")).replace("|  |", "| |")
    }
}

fn flags(command: &Command) -> Vec<Flag> {
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    shown
        .filter(|argument| !["help", "version"].contains(&argument.get_id().as_str()))
        .map(Flag::of)
        .collect()
}

fn section(command: &Command, above: &str, text: &mut String) {
    let name = format!("{above} {}", command.get_name());
    let name = name.trim();
    // Without a word behind it the program is `serve`.
    if !above.is_empty() {
        let about = command.get_about().unwrap_or_else(|| panic!("{name} has no help"));
        writeln!(text, "## `{name}`\n\n{about}\n").unwrap();
        let flags = flags(command);
        if !flags.is_empty() {
            text.push_str("| variable | flag | default | means |\n|---|---|---|---|\n");
            flags.iter().for_each(|flag| text.push_str(&flag.row()));
            text.push('\n');
        }
    }
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        section(command, name, text);
    }
}

#[test]
fn the_page_is_what_the_program_says() {
    let mut made = String::new();
    section(&command(), "", &mut made);
    let page = read(PAGE);
    let (before, rest) = page.split_once(BEGIN).expect("the page has a place for the tables");
    let (stands, after) = rest.split_once(END).expect("the page has a place for the tables");
    let made = format!("\n{made}");
    if std::env::var("BATCH_GPT_WRITE_DOCS").is_ok_and(|word| word == "1") {
        std::fs::write(root().join(PAGE), format!("{before}{BEGIN}{made}{END}{after}")).unwrap();
        return;
    }
    assert!(stands == made, "{PAGE} is not what the program says; `cargo xtask docs` mends it");
}

/// What a supervisor sets, not a person.
const FOREIGN: [&str; 1] = ["CREDENTIALS_DIRECTORY"];

/// The rows of the table of settings: names, and the default. A row may have several names.
fn rows() -> BTreeMap<String, String> {
    let readme = read("README.md");
    let (_, settings) = readme.split_once("\n## Settings\n").expect("a chapter of settings");
    let settings = settings.split("\n## ").next().unwrap();
    let mut rows = BTreeMap::new();
    for row in settings.lines().filter(|line| line.starts_with("| `") && !line.starts_with("| `--")) {
        let cells: Vec<&str> = row.split('|').collect();
        let default = cells[2].trim().trim_matches('`');
        for name in cells[1].split('`').skip(1).step_by(2) {
            assert!(rows.insert(name.to_owned(), default.to_owned()).is_none(), "{name} comes twice");
        }
    }
    rows
}

#[test]
fn the_readme_has_every_setting_once_with_its_default() {
    let mut rows = rows();
    let command = command();
    for flag in flags(command.find_subcommand("serve").unwrap()) {
        let Some(variable) = flag.variable else { continue };
        if FOREIGN.contains(&variable.as_str()) {
            continue;
        }
        let default = rows.remove(&variable).unwrap_or_else(|| panic!("the README does not name {variable}"));
        let known = flag.default.split(';').next().unwrap();
        // A default of several words may be said in others.
        assert!(default == known || known.contains(' '), "{variable}: {default}, but it is {known}");
    }
    assert!(rows.is_empty(), "the README names what is no setting: {rows:?}");
}

#[test]
fn a_flag_is_its_variable_in_small_letters() {
    let command = command();
    for argument in command.find_subcommand("serve").unwrap().get_arguments() {
        let (Some(long), Some(variable)) = (argument.get_long(), argument.get_env()) else { continue };
        let variable = variable.to_str().unwrap();
        let variable = variable.strip_prefix("BATCH_GPT_").unwrap_or(variable);
        assert_eq!(long, variable.to_lowercase().replace('_', "-"));
    }
}
