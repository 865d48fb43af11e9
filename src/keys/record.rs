//! A key as the file of keys knows it.

use batch_gpt_actors::rules::{lane::Tenant, time::Timestamp};
use serde::{Deserialize, Serialize};

use super::{Key, tenant};

/// What every key begins with, so that scanners for secrets know one.
const PREFIX: &str = "bgpt_";

/// What is kept of a key. Times are seconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    /// What people call it by.
    pub id: String,
    /// Whose it is.
    pub tenant: Tenant,
    /// SHA-256 of the key, in hexadecimal digits.
    pub sha256: String,
    /// When it was made.
    pub created_at: u64,
    /// When it ends, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// When it was revoked, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<u64>,
}

/// How a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It opens.
    Active,
    /// Its time is over.
    Expired,
    /// Somebody took it back.
    Revoked,
}

impl Standing {
    /// As a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// A key that was just made: the only time that it is there itself.
pub struct NewKey {
    /// What the client presents.
    pub key: String,
    /// What is kept of it.
    pub record: KeyRecord,
}

impl NewKey {
    /// Makes a key of 256 bits of the operating system's randomness.
    pub fn make(tenant: Tenant, now: Timestamp, expires_at: Option<u64>) -> Result<Self, getrandom::Error> {
        let (mut secret, mut id) = ([0; 32], [0; 6]);
        getrandom::fill(&mut secret)?;
        getrandom::fill(&mut id)?;
        let key = format!("{PREFIX}{}", hexadecimal(&secret));
        let sha256 = hexadecimal(&Key::new(&key).hash());
        let id = format!("key_{}", hexadecimal(&id));
        let created_at = now.seconds();
        let record = KeyRecord { id, tenant, sha256, created_at, expires_at, revoked_at: None };
        Ok(Self { key, record })
    }
}

impl KeyRecord {
    /// How it stands at this time.
    pub fn standing(&self, now: Timestamp) -> Standing {
        match (self.revoked_at, self.expires_at) {
            (Some(_), _) => Standing::Revoked,
            (None, Some(end)) if end <= now.seconds() => Standing::Expired,
            (None, _) => Standing::Active,
        }
    }

    /// The key, if the record makes sense.
    pub fn key(&self) -> Option<Key> {
        tenant(&self.tenant.0)?;
        let digits = self.sha256.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = [pair.first()?, pair.get(1)?].map(|digit| char::from(*digit).to_digit(16));
            *byte = u8::try_from(high? * 16 + low?).ok()?;
        }
        Some(Key::of_hash(hash))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(5_000);

    fn new(expires_at: Option<u64>) -> NewKey {
        NewKey::make(Tenant("a".into()), NOW, expires_at).unwrap()
    }

    #[test]
    fn a_key_is_new_each_time_and_its_record_knows_it_by_its_hash_alone() {
        let (one, other) = (new(None), new(None));
        assert_ne!(one.key, other.key);
        assert_ne!(one.record.id, other.record.id);
        assert_eq!(one.key.len(), PREFIX.len() + 64);
        assert_eq!(one.record.key(), Some(Key::new(&one.key)));
        let secret = one.key.strip_prefix(PREFIX).unwrap();
        assert!(!serde_json::to_string(&one.record).unwrap().contains(secret));
    }

    #[test]
    fn a_record_stands_as_its_times_say() {
        let mut record = new(Some(6)).record;
        assert_eq!(record.standing(NOW), Standing::Active);
        assert_eq!(record.standing(Timestamp(6_000)), Standing::Expired);
        record.revoked_at = Some(4);
        assert_eq!(record.standing(NOW), Standing::Revoked);
    }

    #[test]
    fn a_record_that_makes_no_sense_has_no_key() {
        let record = new(None).record;
        for sha256 in ["", "xyz", &"g".repeat(64), &"é".repeat(32), &record.sha256[1..]] {
            assert_eq!(KeyRecord { sha256: sha256.into(), ..record.clone() }.key(), None, "{sha256}");
        }
        let nameless = KeyRecord { tenant: Tenant("a b".into()), ..record };
        assert_eq!(nameless.key(), None);
    }
}
