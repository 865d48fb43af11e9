//! The keys that clients present, kept as hashes.

use std::{collections::HashSet, fmt};

use batch_gpt_actors::rules::lane::Tenant;
use sha2::{Digest, Sha256};

/// A key, of which only the hash is known.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// Forgets the key but for its hash.
    pub fn new(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// Whether this is the key. The time it takes tells nothing about where two hashes differ.
    pub fn matches(&self, presented: &str) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        self.0.iter().zip(presented).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Which key is whose. Without any, every caller is the one anonymous tenant.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    tenants: Vec<(Tenant, Key)>,
}

/// Why a list of keys is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKeys {
    /// An entry is not `name:key`.
    #[error("entry {0} is not NAME:KEY")]
    Entry(usize),
    /// A name has other characters, or too many.
    #[error("the name of entry {0} is not 1 to 64 letters, digits, '-', '_' or '.'")]
    Name(usize),
}

impl Keys {
    /// Reads `name:key,name:key`. A name may have several keys.
    pub fn parse(text: &str) -> Result<Self, BadKeys> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let tenants = entries.zip(1..).map(|(entry, number)| {
            let (name, key) = entry.split_once(':').ok_or(BadKeys::Entry(number))?;
            let fitting = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if name.is_empty() || name.len() > 64 || !name.chars().all(fitting) {
                return Err(BadKeys::Name(number));
            }
            if key.is_empty() {
                return Err(BadKeys::Entry(number));
            }
            Ok((Tenant(name.into()), Key::new(key)))
        });
        Ok(Self { tenants: tenants.collect::<Result<_, _>>()? })
    }

    /// Whether every caller is let in.
    pub fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    /// How many tenants there are.
    pub fn tenants(&self) -> usize {
        let names: HashSet<&Tenant> = self.tenants.iter().map(|(tenant, _)| tenant).collect();
        names.len().max(1)
    }

    /// Whose key this is.
    pub fn tenant(&self, presented: Option<&str>) -> Option<Tenant> {
        if self.is_empty() {
            return Some(Tenant::anonymous());
        }
        let presented = presented?;
        let mut found = None;
        for (tenant, key) in &self.tenants {
            if key.matches(presented) {
                found = Some(tenant.clone());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_tenant() {
        let keys = Keys::parse("evals:sk-1, labels:sk-2,evals:sk:3").unwrap();
        assert_eq!(keys.tenant(Some("sk-2")), Some(Tenant("labels".into())));
        assert_eq!(keys.tenant(Some("sk:3")), Some(Tenant("evals".into())));
        assert_eq!(keys.tenant(Some("sk-")), None);
        assert_eq!(keys.tenant(None), None);
        assert_eq!(keys.tenants(), 2);
        assert!(!format!("{keys:?}").contains("sk"));
    }

    #[test]
    fn malformed_lists_are_refused() {
        assert_eq!(Keys::parse("sk-1").unwrap_err(), BadKeys::Entry(1));
        assert_eq!(Keys::parse("a:k,b:").unwrap_err(), BadKeys::Entry(2));
        assert_eq!(Keys::parse("a b:k").unwrap_err(), BadKeys::Name(1));
    }
}
