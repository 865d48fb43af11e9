//! Where crates come from.

use super::{
    graph::Graph,
    policy::{Sources, Verdict},
};

/// Crates from elsewhere.
pub fn problems(policy: &Sources, graph: &Graph) -> Vec<String> {
    let mut problems = Vec::new();
    for package in graph.foreign() {
        let whose = format!("{} {}", package.name, package.version);
        match package.source.as_deref().and_then(|source| source.split_once('+')) {
            Some(("registry" | "sparse", url)) => {
                let is_known = policy.allow_registry.iter().any(|allowed| allowed == url);
                if !is_known && policy.unknown_registry == Verdict::Deny {
                    problems.push(format!("{whose} comes from an unknown registry, {url}"));
                }
            }
            Some(("git", url)) if policy.unknown_git == Verdict::Deny => {
                problems.push(format!("{whose} comes from a repository, {url}"));
            }
            other => problems.push(format!("{whose} comes from somewhere else: {other:?}")),
        }
    }
    problems
}
