//! Every client in turn with everything that programs do, and the streams that the official ones put together.

use std::{process::Command, thread};

use batch_gpt_rig::running::Running;
use tempfile::TempDir;

use super::Runtimes;
use crate::{
    acceptance::{gateway, log, temporary},
    process::quietly,
    python::Python,
    repository::Repository,
    steps::Steps,
};

/// What builds upon openai-python 3.
const WITH_OPENAI_3: [&str; 4] = ["openai_sync", "openai_async", "langchain", "pydantic_ai"];
/// What builds upon openai-python 2.
const WITH_OPENAI_2: [&str; 4] = ["openai_sync", "openai_async", "litellm", "instructor"];

/// Who waits only a little is told a failure with its own status, however slow the machine is.
const ORDINARY: &[(&str, &str)] = &[("BATCH_GPT_HEARTBEAT_SECONDS", "60")];
/// Holds with white space from the start, and turns away the third of those who come at once.
const NARROW: &[(&str, &str)] = &[
    ("BATCH_GPT_HOLD", "heartbeat"),
    ("BATCH_GPT_HEARTBEAT_SECONDS", "1"),
    ("BATCH_GPT_MAX_OPEN_REQUESTS", "2"),
];
/// A gateway with the simulated upstream, and its data.
struct Own {
    running: Running,
    _folder: TempDir,
}

impl Own {
    fn start(repository: &Repository, name: &str, settings: &[(&str, &str)]) -> Result<Self, String> {
        let folder = temporary()?;
        let mut serve = gateway(repository, &folder);
        serve.arg("--simulate").env("COLLATE_BATCHES_FOR_DURATION_IN_MS", "500");
        serve.envs(settings.iter().copied());
        Ok(Self { running: Running::start(&mut serve, &log(repository, name))?, _folder: folder })
    }

    fn url(&self) -> &str {
        &self.running.base_url
    }
}

/// One client's task, against the ordinary gateway.
struct Exam {
    name: String,
    script: Command,
    /// Whether it wants a narrow gateway, too; one of its own, because that turns away whoever comes besides.
    narrow: bool,
}

impl Exam {
    fn new(name: impl Into<String>, mut script: Command, ordinary: &Own, narrow: bool) -> Self {
        script.args(["--base-url", ordinary.url()]);
        Self { name: name.into(), script, narrow }
    }

    /// Its closing line.
    fn sit(mut self, repository: &Repository) -> Result<String, String> {
        if !self.narrow {
            return quietly(&mut self.script);
        }
        let narrow = Own::start(repository, "narrow", NARROW)?;
        quietly(self.script.args(["--narrow-base-url", narrow.url()]))
    }
}

/// All at once: most of their time they wait.
pub fn run(steps: &mut Steps, repository: &Repository, runtimes: &Runtimes) {
    let ordinary = match Own::start(repository, "ordinary", ORDINARY) {
        Ok(ordinary) => ordinary,
        Err(why) => return steps.outcome("a gateway for the clients starts", Err(why)),
    };
    let mut exams = Vec::new();
    let pythons = [("3", &runtimes.openai_3, WITH_OPENAI_3), ("2", &runtimes.openai_2, WITH_OPENAI_2)];
    for (version, python, clients) in pythons {
        match python {
            Ok(python) => exams.extend(of_python(repository, &ordinary, version, python, &clients)),
            Err(why) => steps.skip(&format!("clients upon openai-python {version}"), why),
        }
    }
    match &runtimes.node {
        Ok(node) => exams.extend([
            Exam::new("openai-node", node.script("exam.mjs"), &ordinary, true),
            Exam::new(
                "streams that openai-node puts together",
                node.script("reassembly.mjs"),
                &ordinary,
                false,
            ),
        ]),
        Err(why) => steps.skip("openai-node", why),
    }
    println!("\n== clients and frameworks");
    thread::scope(|scope| {
        let sitting: Vec<_> =
            exams.into_iter().map(|exam| (exam.name.clone(), scope.spawn(|| exam.sit(repository)))).collect();
        for (name, exam) in sitting {
            let outcome = exam.join().unwrap_or_else(|_| Err("xtask failed".into()));
            steps.outcome(&name, outcome.map(|closing| println!("{name}: {closing}")));
        }
    });
    steps.step("the clients' gateway stops in order", || ordinary.running.stop());
}

fn of_python(
    repository: &Repository,
    ordinary: &Own,
    version: &str,
    python: &Python,
    clients: &[&str],
) -> Vec<Exam> {
    let script = |name| {
        let mut script = python.command();
        script.arg(repository.script(name));
        script
    };
    let exam = |client: &&str| {
        let mut exam = script("exam.py");
        exam.args(["--client", client]);
        Exam::new(format!("{client} upon openai-python {version}"), exam, ordinary, true)
    };
    let streams = format!("streams that openai-python {version} puts together");
    let streams = Exam::new(streams, script("reassembly.py"), ordinary, false);
    clients.iter().map(exam).chain([streams]).collect()
}
