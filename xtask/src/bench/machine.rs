//! What the figures were measured on.

use std::fs;

use crate::{
    process::{command, read},
    repository::Repository,
};

/// Machine, date and commit, as a sentence or two.
pub fn describe(repository: &Repository, runs: usize) -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, model)| model);
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next());
    let gib = kib.and_then(|kib| kib.parse::<f64>().ok()).map_or(0.0, |kib| kib / 1024.0 / 1024.0);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?");
    let said = |program: &str, arguments: &[&str]| {
        let said = read(command(program).args(arguments).current_dir(&repository.root));
        said.unwrap_or_default().trim().to_owned()
    };
    let dirty = if said("git", &["status", "--porcelain"]).is_empty() { "" } else { " with changes" };
    format!(
        "Measured on {} at commit {}{dirty}, with {}, on {cores} cores of {model}, {gib:.0} GiB, Linux {}; {runs} \
         alternating runs; load of the machine at the end {load}.",
        said("date", &["-u", "+%F"]),
        said("git", &["rev-parse", "--short", "HEAD"]),
        said("rustc", &["--version"]),
        said("uname", &["-r"]),
    )
}
