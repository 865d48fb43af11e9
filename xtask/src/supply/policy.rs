//! `deny.toml`, as far as it is used. A member that nobody here knows is an error: it would be a rule that does not hold.

use std::{fs, path::Path};

use serde::Deserialize;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Which licences may be taken.
    pub licenses: Licences,
    /// Which crates may not.
    pub bans: Bans,
    /// Where crates come from.
    pub sources: Sources,
}

/// Which licences may be taken.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licences {
    /// SPDX names.
    pub allow: Vec<String>,
}

/// Which crates may not be taken, and which twice.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bans {
    /// Whether a crate may be there in two versions.
    pub multiple_versions: Verdict,
    /// Crates that may not be there.
    pub deny: Vec<Banned>,
    /// Versions that may be there beside another one.
    pub skip: Vec<Skipped>,
}

/// A crate that may not be there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Banned {
    /// Its name.
    #[serde(rename = "crate")]
    pub name: String,
    /// Crates that may depend on it all the same.
    #[serde(default)]
    pub wrappers: Vec<String>,
}

/// A version that may be there beside another one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// `NAME@VERSION`; the version's beginning is enough.
    #[serde(rename = "crate")]
    pub spec: String,
    /// Who asks for it.
    #[serde(rename = "reason")]
    pub _reason: String,
}

/// Where crates come from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sources {
    /// What becomes of a registry that is not allowed.
    pub unknown_registry: Verdict,
    /// What becomes of a repository.
    pub unknown_git: Verdict,
    /// Registries that are allowed.
    pub allow_registry: Vec<String>,
}

/// What becomes of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is an error.
    Deny,
}

impl Policy {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text =
            fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

impl Skipped {
    /// Whether it names this version.
    pub fn is(&self, name: &str, version: &str) -> bool {
        self.spec.split_once('@').is_some_and(|(skipped, beginning)| {
            let rest = version.strip_prefix(beginning);
            skipped == name && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}
