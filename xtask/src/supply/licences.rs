//! Licences.

use std::collections::BTreeSet;

use spdx::{Expression, ParseMode};

use super::{graph::Graph, policy::Licences};

/// Crates that may not be taken by their licence, and licences that nobody needs.
pub fn problems(policy: &Licences, graph: &Graph) -> Result<Vec<String>, String> {
    let (mut problems, mut needed) = (Vec::new(), BTreeSet::new());
    for package in graph.foreign() {
        let whose = format!("{} {}", package.name, package.version);
        let Some(text) = &package.license else {
            problems.push(format!("{whose} has no licence"));
            continue;
        };
        let expression = Expression::parse_mode(text, ParseMode::LAX);
        let expression =
            expression.map_err(|error| format!("the licence of {whose} cannot be read: {error}"))?;
        let allowed = expression.evaluate(|required| {
            let name = required.to_string();
            let found = policy.allow.iter().find(|allowed| **allowed == name);
            needed.extend(found);
            found.is_some()
        });
        if !allowed {
            problems.push(format!("the licence of {whose} is not allowed: {text}"));
        }
    }
    let unneeded = policy.allow.iter().filter(|allowed| !needed.contains(allowed));
    problems.extend(unneeded.map(|allowed| format!("no crate needs the licence {allowed} any more")));
    Ok(problems)
}
