//! All keys that open the gateway: those of the settings, and those of a file that may change meanwhile.

use std::sync::{Arc, PoisonError, RwLock};

use batch_gpt_actors::rules::{lane::Tenant, time::Timestamp};

use super::{
    Key, Keys,
    file::{BadKeyFile, KeyFile},
};

/// See the module.
#[derive(Debug, Default)]
pub struct Keyring {
    fixed: Keys,
    file: Option<KeyFile>,
    /// Those of the settings and of the file together.
    all: RwLock<Arc<Keys>>,
}

impl Keyring {
    /// The keys of the settings, and those that are in the file now.
    pub fn new(fixed: Keys, file: Option<KeyFile>) -> Result<Self, BadKeyFile> {
        let ring = Self { all: RwLock::new(Arc::new(fixed.clone())), fixed, file };
        ring.reload()?;
        Ok(ring)
    }

    /// The file, if there is to be one.
    pub fn file(&self) -> Option<&KeyFile> {
        self.file.as_ref()
    }

    /// Reads the file again. While it cannot be read, its last keys go on opening.
    pub fn reload(&self) -> Result<(), BadKeyFile> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut keys = self.fixed.clone();
        for record in file.read()? {
            if let (Some(key), None) = (record.key(), record.revoked_at) {
                let end = record.expires_at.map(|end| Timestamp(end.saturating_mul(1000)));
                keys.add(key, record.tenant, end);
            }
        }
        *self.all.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        Ok(())
    }

    /// Whether nobody is asked for a key. Where a file was named, keys are asked for even while there is none in it.
    pub fn is_open(&self) -> bool {
        self.fixed.is_empty() && self.file.is_none()
    }

    /// How many tenants there are, at least one.
    pub fn tenants(&self) -> usize {
        self.all().tenants().max(1)
    }

    /// Whose key this is.
    pub fn tenant(&self, key: &Key, now: Timestamp) -> Option<Tenant> {
        self.all().tenant(key, now).cloned()
    }

    fn all(&self) -> Arc<Keys> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::record::NewKey;

    #[test]
    fn keys_of_the_settings_and_of_the_file_open_until_they_are_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::at(folder.path().join("keys.json"));
        let ring = Keyring::new(Keys::parse("a:sk-a").unwrap(), Some(file.clone())).unwrap();
        let whose = |key: &str| ring.tenant(&Key::new(key), Timestamp(0)).map(|tenant| tenant.to_string());
        let new = NewKey::make(Tenant("b".into()), Timestamp(0), None).unwrap();
        file.change(|keys| keys.push(new.record)).unwrap();
        assert_eq!(whose(&new.key), None);
        ring.reload().unwrap();
        assert_eq!((whose(&new.key), whose("sk-a")), (Some("b".into()), Some("a".into())));
        assert_eq!(ring.tenants(), 2);
        std::fs::write(file.path(), "{").unwrap();
        assert!(ring.reload().is_err());
        assert_eq!(whose(&new.key), Some("b".into()), "the last ones that could be read");
        std::fs::write(file.path(), r#"{"keys":[]}"#).unwrap();
        ring.reload().unwrap();
        assert_eq!((whose(&new.key), whose("sk-a")), (None, Some("a".into())));
    }

    #[test]
    fn a_file_without_keys_opens_to_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::at(folder.path().join("keys.json"));
        assert!(!Keyring::new(Keys::default(), Some(file)).unwrap().is_open());
        assert!(Keyring::new(Keys::default(), None).unwrap().is_open());
    }
}
