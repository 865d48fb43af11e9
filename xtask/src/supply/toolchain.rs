//! The oldest compiler that manifests promise is the one that CI builds with. Otherwise nobody would know whether the
//! promise holds.

use std::env;

use super::graph::Graph;
use crate::process::{command, read};

/// Manifests that promise another compiler than this one; outside of CI a newer one may be used.
pub fn problems(graph: &Graph) -> Result<Vec<String>, String> {
    let compiler = read(command(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version"))?;
    let version = compiler.split(' ').nth(1).unwrap_or_default().to_owned();
    let in_ci = env::var("CI").is_ok_and(|value| value == "true");
    let promise = |name: &str, promised: Option<&str>| match promised {
        None => Some(format!("{name} promises no rust-version")),
        Some(promised) if in_ci && !is(&version, promised) => {
            Some(format!("{name} promises Rust {promised}, and {version} builds it"))
        }
        Some(_) => None,
    };
    Ok(graph.members().filter_map(|member| promise(&member.name, member.rust_version.as_deref())).collect())
}

/// Whether a version is one of those that a shorter one names.
fn is(version: &str, promised: &str) -> bool {
    version.strip_prefix(promised).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::is;

    #[test]
    fn a_shorter_version_names_all_of_its_patches() {
        assert!(is("1.95.0", "1.95") && is("1.95.0", "1.95.0"));
        assert!(!is("1.96.0", "1.95") && !is("1.950.0", "1.95"));
    }
}
