//! The keys that clients present, kept as hashes.

pub mod command;
pub mod file;
pub mod record;
pub mod ring;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    hash::{Hash, Hasher},
};

use batch_gpt_actors::rules::{lane::Tenant, time::Timestamp};
use sha2::{Digest, Sha256};

/// Longest name of a tenant.
const LONGEST_NAME: usize = 64;

/// A key, of which only the hash is known.
///
/// A fast hash is enough where a key is 256 random bits; and a slow one at every request would itself be an attack.
#[derive(Clone, Copy, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// Forgets the key but for its hash.
    pub fn new(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// The key with this hash.
    pub fn of_hash(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// Its hash.
    pub fn hash(self) -> [u8; 32] {
        self.0
    }
}

/// The time it takes tells nothing about where two hashes differ.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Whose a key is, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holder {
    tenant: Tenant,
    expires_at: Option<Timestamp>,
}

/// Which key is whose. A look-up takes as long for one key as for thousands.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    holders: HashMap<Key, Holder>,
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

/// The tenant of this name, if it may have it: 1 to 64 letters, digits, `-`, `_` or `.`.
pub fn tenant(name: &str) -> Option<Tenant> {
    let fitting = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let fits = !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(fitting);
    fits.then(|| Tenant(name.into()))
}

impl Keys {
    /// Reads `name:key,name:key`. A name may have several keys.
    pub fn parse(text: &str) -> Result<Self, BadKeys> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let mut keys = Self::default();
        for (entry, number) in entries.zip(1..) {
            let (name, key) = entry.split_once(':').ok_or(BadKeys::Entry(number))?;
            let tenant = tenant(name).ok_or(BadKeys::Name(number))?;
            if key.is_empty() {
                return Err(BadKeys::Entry(number));
            }
            keys.add(Key::new(key), tenant, None);
        }
        Ok(keys)
    }

    /// One more key, until a time if one is given. A key that is there already changes hands.
    pub fn add(&mut self, key: Key, tenant: Tenant, expires_at: Option<Timestamp>) {
        self.holders.insert(key, Holder { tenant, expires_at });
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.holders.is_empty()
    }

    /// How many tenants there are.
    pub fn tenants(&self) -> usize {
        self.holders.values().map(|holder| &holder.tenant).collect::<HashSet<_>>().len()
    }

    /// Whose key this is, at this time.
    pub fn tenant(&self, key: &Key, now: Timestamp) -> Option<&Tenant> {
        let holder = self.holders.get(key)?;
        holder.expires_at.is_none_or(|end| now < end).then_some(&holder.tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000);

    #[test]
    fn a_key_names_its_tenant() {
        let keys = Keys::parse("evals:sk-1, labels:sk-2,evals:sk:3").unwrap();
        let whose = |key| keys.tenant(&Key::new(key), NOW).map(Tenant::to_string);
        assert_eq!(whose("sk-2").as_deref(), Some("labels"));
        assert_eq!(whose("sk:3").as_deref(), Some("evals"));
        assert_eq!(whose("sk-"), None);
        assert_eq!(keys.tenants(), 2);
        assert!(!format!("{keys:?}").contains("sk"));
    }

    #[test]
    fn a_key_ends_at_its_time() {
        let mut keys = Keys::default();
        keys.add(Key::new("k"), Tenant("a".into()), Some(NOW));
        assert!(keys.tenant(&Key::new("k"), Timestamp(999)).is_some());
        assert_eq!(keys.tenant(&Key::new("k"), NOW), None);
    }

    #[test]
    fn malformed_lists_are_refused() {
        assert_eq!(Keys::parse("sk-1").unwrap_err(), BadKeys::Entry(1));
        assert_eq!(Keys::parse("a:k,b:").unwrap_err(), BadKeys::Entry(2));
        assert_eq!(Keys::parse("a b:k").unwrap_err(), BadKeys::Name(1));
    }
}
