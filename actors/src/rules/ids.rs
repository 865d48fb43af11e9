//! Names of things: requests, batches, upstream files.
//!
//! The gateway's own ids are 128 random or time-ordered bits behind a short prefix. They are fixed in width, so
//! that the length of an upload is known before its first byte, and they stay inside `[A-Za-z0-9_-]{1,64}`, the
//! narrowest alphabet any Batch API accepts for a `custom_id` (contract, section 3.1). They hold no user data.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text is no id of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this gateway")]
pub struct NotOurs;

macro_rules! own_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(pub u128);

        impl $name {
            /// Characters of the printed form.
            pub const WIDTH: usize = $prefix.len() + 32;
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                f.write_str(Uuid::from_u128(self.0).as_simple().encode_lower(&mut Uuid::encode_buffer()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotOurs;

            fn from_str(text: &str) -> Result<Self, NotOurs> {
                let hex = text.strip_prefix($prefix).ok_or(NotOurs)?;
                let lower_hex = |b: &u8| b.is_ascii_digit() || (b'a'..=b'f').contains(b);
                if hex.len() != 32 || !hex.as_bytes().iter().all(lower_hex) {
                    return Err(NotOurs);
                }
                Uuid::try_parse(hex).map(|id| Self(id.as_u128())).map_err(|_| NotOurs)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotOurs;

            fn try_from(text: String) -> Result<Self, NotOurs> {
                text.parse()
            }
        }
    };
}

own_id!(
    /// One accepted request. Its printed form is the `custom_id` of its line upstream.
    RequestId,
    "req_"
);
own_id!(
    /// One sealed batch, from before it exists upstream. The uploaded file's name and the upstream batch's
    /// metadata carry the printed form, so that a batch whose creation was never answered can be found again.
    BatchKey,
    "bgk_"
);

macro_rules! upstream_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Arc<str>);

        impl $name {
            /// The id as the upstream spells it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

upstream_id!(
    /// A batch as the upstream names it (`batch_…`).
    BatchId
);
upstream_id!(
    /// A file as the upstream names it (`file-…`).
    FileId
);

/// Name of the file uploaded for a batch.
pub fn file_name(key: BatchKey) -> String {
    format!("batch-gpt-{key}.jsonl")
}

/// The batch whose file has this name.
pub fn key_of_file(name: &str) -> Option<BatchKey> {
    name.strip_prefix("batch-gpt-")?.strip_suffix(".jsonl")?.parse().ok()
}

/// Member of the upstream batch's metadata that carries the [`BatchKey`].
pub const METADATA_KEY: &str = "batch_gpt_key";
