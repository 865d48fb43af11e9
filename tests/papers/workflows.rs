//! The workflows of the forge.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::{
    repository::{read, root},
    yaml::document,
};

const FILES: [&str; 2] = ["ci.yml", "release.yml"];

fn workflow(name: &str) -> Value {
    document(&format!(".github/workflows/{name}"))
}

fn steps(workflow: &Value) -> impl Iterator<Item = &Value> {
    let jobs = workflow["jobs"].as_object().unwrap().values();
    jobs.flat_map(|job| job["steps"].as_array().unwrap())
}

#[test]
fn foreign_actions_are_pinned_to_a_commit() {
    let mut pinned = 0;
    for name in FILES {
        for action in steps(&workflow(name)).filter_map(|step| step["uses"].as_str()) {
            let (_, commit) = action.split_once('@').unwrap_or_else(|| panic!("{action} is not pinned"));
            assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{action}");
            pinned += 1;
        }
    }
    assert!(pinned >= 5);
}

#[test]
fn a_job_may_do_what_it_needs_and_ends() {
    for name in FILES {
        let workflow = workflow(name);
        assert_eq!(workflow["permissions"], serde_json::json!({ "contents": "read" }), "{name}");
        for (job, details) in workflow["jobs"].as_object().unwrap() {
            assert!(details["timeout-minutes"].is_u64(), "{name}: {job}");
            assert!(details.get("permissions").is_none() || job == "publish", "{name}: {job}");
        }
        for step in steps(&workflow).filter_map(|step| step["run"].as_str()) {
            // What others can name must not become part of a script.
            assert!(!step.contains("${{"), "{name}: {step}");
        }
    }
}

#[test]
fn what_the_workflows_run_is_there() {
    let text = read(".github/workflows/ci.yml") + &read(".github/workflows/release.yml");
    for program in [".ci/run", "deploy/archive"] {
        assert!(text.contains(program), "nobody runs {program}");
        let mode = std::fs::metadata(root().join(program)).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{program} cannot be run");
    }
    let manifest = read("Cargo.toml");
    let rust = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")).unwrap();
    let rust = rust.trim_end_matches('"');
    let installed = text.matches("rustup toolchain install ").count();
    assert_eq!(text.matches(&format!("rustup toolchain install {rust} ")).count(), installed);
}

#[test]
fn a_release_is_for_three_platforms_and_has_its_checksums() {
    let release = workflow("release.yml");
    let platforms = release["jobs"]["archive"]["strategy"]["matrix"]["include"].as_array().unwrap();
    let targets: Vec<_> = platforms.iter().map(|platform| platform["target"].as_str().unwrap()).collect();
    assert_eq!(targets, ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "aarch64-apple-darwin"]);
    let text = read(".github/workflows/release.yml");
    assert!(text.contains("SHA256SUMS") && text.contains("cyclonedx") && text.contains("attest"));
}
