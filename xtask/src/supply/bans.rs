//! Crates that may not be there, or not twice.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    graph::Graph,
    policy::{Bans, Verdict},
};

/// What is there and must not be, and exceptions that nobody needs.
pub fn problems(policy: &Bans, graph: &Graph) -> Vec<String> {
    let mut problems = Vec::new();
    for banned in &policy.deny {
        let found: Vec<_> = graph.packages.iter().filter(|package| package.name == banned.name).collect();
        let dependents: BTreeSet<&str> = found.iter().flat_map(|package| graph.dependents(package)).collect();
        let wrapper = |name: &&str| banned.wrappers.iter().any(|wrapper| wrapper == name);
        let others: Vec<&str> = dependents.iter().copied().filter(|name| !wrapper(name)).collect();
        if !others.is_empty() {
            problems.push(format!("{} is banned, and {} depends on it", banned.name, others.join(", ")));
        }
        let unneeded = banned.wrappers.iter().filter(|wrapper| !dependents.contains(wrapper.as_str()));
        problems.extend(unneeded.map(|wrapper| format!("{wrapper} needs no {} any more", banned.name)));
    }
    if policy.multiple_versions == Verdict::Deny {
        problems.extend(twice(policy, graph));
    }
    problems
}

fn twice(policy: &Bans, graph: &Graph) -> Vec<String> {
    let mut versions = BTreeMap::<&str, BTreeSet<&str>>::new();
    for package in &graph.packages {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    let mut problems = Vec::new();
    for (name, versions) in &versions {
        let is_skipped = |version: &&&str| policy.skip.iter().any(|skipped| skipped.is(name, version));
        let left: Vec<&str> = versions.iter().filter(|version| !is_skipped(version)).copied().collect();
        if left.len() > 1 {
            problems.push(format!("{name} is there in several versions: {}", left.join(", ")));
        }
    }
    for skipped in &policy.skip {
        let beside_another = versions.iter().any(|(name, versions)| {
            versions.len() > 1 && versions.iter().any(|version| skipped.is(name, version))
        });
        if !beside_another {
            problems.push(format!("{} is beside no other version any more", skipped.spec));
        }
    }
    problems
}
