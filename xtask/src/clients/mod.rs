//! Clients and frameworks as people have them, against a running gateway.

mod exams;
mod first_byte;
mod patience;
mod restarts;
mod second_run;

use std::{path::Path, process::Command};

use batch_gpt_rig::running::Running;

use crate::{
    acceptance, cancellation,
    node::Node,
    process::{build, raise_open_files},
    python::{self, Python},
    repository::Repository,
    steps::Steps,
};

/// What the clients run on; where one is missing, why.
#[derive(Debug, Clone)]
pub struct Runtimes {
    /// Python with openai-python 3.
    pub openai_3: Result<Python, String>,
    /// Python with openai-python 2.
    pub openai_2: Result<Python, String>,
    /// Node with openai-node.
    pub node: Result<Node, String>,
}

impl Runtimes {
    /// Installs what is not there yet.
    pub fn prepare(repository: &Repository) -> Self {
        Self {
            openai_3: Python::prepare(repository, python::OPENAI_3),
            openai_2: Python::prepare(repository, python::OPENAI_2),
            node: Node::prepare(repository),
        }
    }
}

/// `cargo xtask clients`: builds the gateway and tries the clients on it. True if nothing failed.
pub fn alone(questions: Option<&Path>) -> Result<bool, String> {
    raise_open_files();
    let repository = Repository::find()?;
    build(&repository)?;
    let mut steps = Steps::default();
    run(&mut steps, &repository, &Runtimes::prepare(&repository), questions);
    Ok(steps.close())
}

/// Every client in what it does best, and the stock one on bad days.
pub fn run(steps: &mut Steps, repository: &Repository, runtimes: &Runtimes, questions: Option<&Path>) {
    exams::run(steps, repository, runtimes);
    if let Ok(node) = &runtimes.node {
        steps.step("case 46: the first byte that Node waits for comes before the answer", || {
            first_byte::run(repository, node)
        });
    }
    let python = match &runtimes.openai_3 {
        Ok(python) => python,
        Err(why) => return steps.skip("the stock Python client", why),
    };
    acceptance::run(steps, repository, python, questions);
    cancellation::run(steps, repository, python);
    steps.step("clients that give up early are held in three ways", || patience::run(repository, python));
    steps.step("500 clients outlive the gateway", || restarts::survivors(repository, python));
    steps.step("5,000 answers are asked for later, after a restart", || restarts::later(repository, python));
    steps.step("the second run of a test set comes out of the cache", || {
        second_run::run(repository, python, questions)
    });
}

/// Tells a script where the upstream's account is.
fn with_upstream<'a>(script: &'a mut Command, upstream: &Running) -> &'a mut Command {
    script.args(["--upstream", &upstream.base_url])
}
