//! Single settings on the command line.

use std::str::FromStr;

use serde_json::{Map, Value};

use crate::adjustable::Adjustable;

/// One setting by its path, as `section.member=value`; the value is JSON, or else a string.
#[derive(Clone, Debug, PartialEq)]
pub struct Switch {
    patch: Value,
}

impl Switch {
    /// The settings with this one replaced.
    pub(crate) fn turn(&self, settings: Adjustable) -> Adjustable {
        // It was tried when it was read, and no setting makes another invalid.
        settings.patched(self.patch.clone()).unwrap_or(settings)
    }
}

impl FromStr for Switch {
    type Err = String;

    fn from_str(text: &str) -> Result<Switch, String> {
        let (path, value) =
            text.split_once('=').ok_or_else(|| format!("'{text}' is not section.member=value"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        let patch = path
            .rsplit('.')
            .fold(value, |inner, name| Value::Object(Map::from_iter([(name.to_owned(), inner)])));
        Adjustable::default().patched(patch.clone())?;
        Ok(Switch { patch })
    }
}
