//! What packages carry beside the program: completions for shells, and manual pages. Both follow from the command line
//! itself.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;

/// Flags of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Whose completions are printed.
    pub shell: Shell,
}

/// Flags of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Where a page for each command is written; without it, the first page is printed.
    pub folder: Option<PathBuf>,
}

/// Prints the completions for a shell.
pub fn completions(args: &CompletionsArgs) -> io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "batch-gpt", &mut script);
    // clap_complete 4.6 takes the hyphen for the border of a subcommand, in one of two places that must agree.
    let script = String::from_utf8_lossy(&script).replace("batch__subcmd__gpt", "batch__gpt");
    io::stdout().write_all(script.as_bytes())
}

/// Prints the manual page, or writes the pages of all commands into a folder.
pub fn man(args: &ManArgs) -> io::Result<()> {
    match &args.folder {
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            clap_mangen::generate_to(Cli::command(), folder)
        }
        None => clap_mangen::Man::new(Cli::command()).render(&mut io::stdout()),
    }
}
