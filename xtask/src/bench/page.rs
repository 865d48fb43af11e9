//! `docs/performance.md`: what is measured replaces what was measured before, and what people wrote stays.

use std::{fs, path::Path};

const BEGIN: &str = "<!-- measured: begin; `cargo xtask bench` writes what stands here -->";
const END: &str = "<!-- measured: end -->";

/// Puts this text between the marks of the page.
pub fn write(page: &Path, measured: &str) -> Result<(), String> {
    let fault = |error: std::io::Error| format!("{}: {error}", page.display());
    let old = fs::read_to_string(page).map_err(fault)?;
    let new = replaced(&old, measured).ok_or_else(|| format!("{} has no marks", page.display()))?;
    fs::write(page, new).map_err(fault)
}

fn replaced(old: &str, measured: &str) -> Option<String> {
    let (before, rest) = old.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", measured.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let page = |middle: &str| format!("# Title\n\n{BEGIN}\n\n{middle}\n\n{END}\n\n## What limits it\n");
        assert_eq!(replaced(&page("old"), "new\n"), Some(page("new")));
        assert_eq!(replaced("# Title\n", "new"), None);
    }
}
