//! `cargo xtask supply`: what the program is made of, held against `deny.toml`.
//!
//! `cargo deny` reads the same file and knows more; but to build it takes longer than to build the gateway.

mod bans;
mod graph;
mod licences;
mod policy;
mod sources;
mod toolchain;
mod unused;

use crate::repository::Repository;

use graph::Graph;
use policy::Policy;

/// Says all that is wrong. True if nothing is.
pub fn run() -> Result<bool, String> {
    let repository = Repository::find()?;
    match check(&repository) {
        Ok(()) => {
            println!("licences, bans, sources, dependencies and the toolchain are as they should be");
            Ok(true)
        }
        Err(why) => {
            eprintln!("{why}");
            Ok(false)
        }
    }
}

/// Fails with all that is wrong.
pub fn check(repository: &Repository) -> Result<(), String> {
    let policy = Policy::read(&repository.root.join("deny.toml"))?;
    let graph = Graph::read(repository)?;
    let mut problems = licences::problems(&policy.licenses, &graph)?;
    problems.extend(bans::problems(&policy.bans, &graph));
    problems.extend(sources::problems(&policy.sources, &graph));
    problems.extend(unused::problems(&graph)?);
    problems.extend(toolchain::problems(&graph)?);
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}
