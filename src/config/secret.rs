//! Secrets: in a variable, or in a file that only the gateway may read.

use std::{fs, path::Path};

use super::check::{Check, given};
use crate::cli::Secret;

impl Check {
    /// A secret out of a variable or a file, whose own variable has `_FILE` behind the name; a word at each at most.
    pub(super) fn secret(
        &mut self,
        name: &str,
        value: &Option<Secret>,
        file: &Option<String>,
    ) -> Option<Secret> {
        let value = value.as_ref().map(|secret| secret.0.trim()).filter(|text| !text.is_empty());
        match (value, given(file)) {
            (None, None) => None,
            (Some(text), None) => Some(Secret(text.to_owned())),
            (None, Some(path)) => self.secret_in(&format!("{name}_FILE"), Path::new(path)),
            (Some(_), Some(path)) => {
                self.problem(&format!("{name}_FILE"), path, format!("only one of it and {name} is allowed"));
                None
            }
        }
    }

    /// The secret in a file, without white space around it.
    pub(super) fn secret_in(&mut self, name: &str, path: &Path) -> Option<Secret> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                self.problem(name, &path.display().to_string(), format!("cannot be read: {error}"));
                return None;
            }
        };
        let text = text.trim();
        if text.is_empty() {
            self.problem(name, &path.display().to_string(), "is empty");
            return None;
        }
        Some(Secret(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_stands_in_one_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "sk-in-a-file\n").unwrap();
        let file = || Some(path.display().to_string());
        let value = || Some(Secret("sk-in-a-variable".into()));
        let mut check = Check::default();
        assert!(check.secret("KEY", &None, &None).is_none());
        assert_eq!(check.secret("KEY", &None, &file()).unwrap().0, "sk-in-a-file");
        assert_eq!(check.secret("KEY", &value(), &Some(String::new())).unwrap().0, "sk-in-a-variable");
        assert_eq!(check.problems, [""; 0]);
        assert!(check.secret("KEY", &value(), &file()).is_none());
        assert!(check.secret("KEY", &None, &Some("/nowhere/secret".into())).is_none());
        fs::write(&path, "\n").unwrap();
        assert!(check.secret("KEY", &None, &file()).is_none());
        assert_eq!(check.problems.len(), 3);
        assert!(!check.problems.join("").contains("sk-"), "{:?}", check.problems);
    }
}
