//! Dependencies that no source names.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::graph::{Dependency, Graph};

/// Lines of manifests that could be left out.
pub fn problems(graph: &Graph) -> Result<Vec<String>, String> {
    let mut problems = Vec::new();
    for member in graph.members() {
        let Some(folder) = member.manifest_path.parent() else { continue };
        let sources = sources(folder)?;
        for dependency in &member.dependencies {
            let word = word(dependency);
            if !sources.iter().any(|source| names(source, &word)) {
                problems
                    .push(format!("{} depends on {}, which none of its sources names", member.name, word));
            }
        }
    }
    Ok(problems)
}

/// What sources call it.
fn word(dependency: &Dependency) -> String {
    dependency.rename.as_ref().unwrap_or(&dependency.name).replace('-', "_")
}

/// Whether the word stands somewhere by itself.
fn names(source: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    source.match_indices(word).any(|(at, _)| {
        let (before, behind) = (source.get(..at), source.get(at + word.len()..));
        !is_part(before.and_then(|text| text.chars().next_back()))
            && !is_part(behind.and_then(|text| text.chars().next()))
    })
}

/// All Rust sources of a package, without those of packages in folders below.
fn sources(folder: &Path) -> Result<Vec<String>, String> {
    let (mut sources, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(next) = folders.pop() {
        for path in entries(&next)? {
            if path.is_dir() {
                let is_other = path.join("Cargo.toml").exists() || path.ends_with("target");
                folders.extend((!is_other).then_some(path));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path);
                sources.push(text.map_err(|error| format!("cannot read {}: {error}", path.display()))?);
            }
        }
    }
    Ok(sources)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let read = || fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let entries: std::io::Result<Vec<PathBuf>> = read();
    entries.map_err(|error| format!("cannot list {}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_name_counts_if_it_stands_by_itself() {
        assert!(names("use log::info;", "log") && names("log!(1)", "log") && names("::log::x", "log"));
        assert!(!names("catalog::x; log_it(); blog", "log"));
    }
}
