//! Links between documents lead somewhere.

use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

use crate::repository::{files, read, root};

fn documents() -> Vec<PathBuf> {
    let top = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from);
    let below = ["docs", "local", "deploy", "test-python-client", "test-node-client"]
        .iter()
        .flat_map(|folder| files(folder));
    top.into_iter().chain(below.filter(|path| path.extension().is_some_and(|end| end == "md"))).collect()
}

/// The text without what stands in fences.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            prose += line;
            prose.push('\n');
        }
    }
    prose
}

/// What the forge makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|char| char.is_alphanumeric() || " -_".contains(*char));
    kept.map(|char| if char == ' ' { '-' } else { char.to_ascii_lowercase() }).collect()
}

fn anchors(document: &Path) -> BTreeSet<String> {
    let text = prose(&read(document.to_str().unwrap()));
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches('#').trim()))
        .collect()
}

fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

#[test]
fn every_link_leads_to_something_that_is_there() {
    let mut followed = 0;
    for document in documents() {
        let text = prose(&read(document.to_str().unwrap()));
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if link.contains("://") {
                continue;
            }
            let (path, place) =
                link.split_once('#').map_or((link, None), |(path, place)| (path, Some(place)));
            let target = match path {
                "" => document.clone(),
                path => normal(&document.parent().unwrap().join(path)),
            };
            assert!(root().join(&target).exists(), "{} leads to {link}", document.display());
            if let Some(place) = place {
                assert!(anchors(&target).contains(place), "{} leads to {link}", document.display());
            }
            followed += 1;
        }
    }
    assert!(followed > 40);
}

#[test]
fn the_index_names_every_document() {
    let index = read("docs/README.md");
    for document in files("docs").iter().filter(|path| !path.ends_with("README.md")) {
        let name = document.strip_prefix("docs").unwrap().display().to_string();
        assert!(index.contains(&format!("]({name})")), "docs/README.md does not name {name}");
    }
}
