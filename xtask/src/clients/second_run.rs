//! A test set that is asked twice.

use std::path::Path;

use batch_gpt_rig::running::Running;

use super::with_upstream;
use crate::{
    acceptance::{gateway_behind, log, script, temporary, upstream},
    process::show,
    python::Python,
    repository::Repository,
};

/// The second time nothing goes upstream.
pub fn run(repository: &Repository, python: &Python, questions: Option<&Path>) -> Result<(), String> {
    let folder = temporary()?;
    let upstream = upstream(repository, "500")?;
    let mut serve = gateway_behind(repository, &folder, &upstream);
    serve.env("COLLATE_BATCHES_FOR_DURATION_IN_MS", "1000");
    let gateway = Running::start(&mut serve, &log(repository, "second-run"))?;
    let mut twice = script(repository, python, "second_run.py", &gateway);
    if let Some(questions) = questions {
        twice.arg("--questions").arg(questions);
    }
    show(with_upstream(&mut twice, &upstream), 0)?;
    gateway.stop()?;
    upstream.stop()
}
