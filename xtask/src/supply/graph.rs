//! The crates that the lock file names, and who depends on whom, as cargo tells it.

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
};

use serde::Deserialize;

use crate::{
    process::{cargo, read},
    repository::Repository,
};

/// All crates, for all platforms.
#[derive(Debug)]
pub struct Graph {
    /// The crates.
    pub packages: Vec<Package>,
    members: BTreeSet<String>,
    dependents: HashMap<String, BTreeSet<String>>,
}

/// A crate.
#[derive(Debug, Deserialize)]
pub struct Package {
    id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// An SPDX expression, or something like it.
    pub license: Option<String>,
    /// Where it comes from; nothing if it stands in this repository.
    pub source: Option<String>,
    /// Its manifest.
    pub manifest_path: PathBuf,
    /// The oldest compiler that it wants.
    pub rust_version: Option<String>,
    /// What its manifest names.
    pub dependencies: Vec<Dependency>,
}

/// A line of a manifest.
#[derive(Debug, Deserialize)]
pub struct Dependency {
    /// The crate.
    pub name: String,
    /// What the manifest calls it, if that is something else.
    pub rename: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    dependencies: Vec<String>,
}

impl Graph {
    /// Asks cargo. A lock file that does not fit the manifests is an error.
    pub fn read(repository: &Repository) -> Result<Self, String> {
        let mut metadata = cargo();
        metadata.args(["metadata", "--format-version", "1", "--locked"]).current_dir(&repository.root);
        let text = read(&mut metadata)?;
        let metadata: Metadata =
            serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
        let mut dependents = HashMap::<_, BTreeSet<_>>::new();
        for node in metadata.resolve.nodes {
            for dependency in node.dependencies {
                dependents.entry(dependency).or_default().insert(node.id.clone());
            }
        }
        Ok(Self { packages: metadata.packages, members: metadata.workspace_members, dependents })
    }

    /// The crates of this repository.
    pub fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.members.contains(&package.id))
    }

    /// The crates of others.
    pub fn foreign(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| !self.members.contains(&package.id))
    }

    /// The names of the crates that depend on this one.
    pub fn dependents(&self, package: &Package) -> BTreeSet<&str> {
        let ids = self.dependents.get(&package.id);
        let is_dependent = |other: &&Package| ids.is_some_and(|ids| ids.contains(&other.id));
        self.packages.iter().filter(is_dependent).map(|package| package.name.as_str()).collect()
    }
}
