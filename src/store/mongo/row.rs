//! Documents of the gateway's own collections, as they are read.

use std::sync::Arc;

use batch_gpt_actors::{
    ports::{StoreFault, StoredBatch},
    rules::{
        fingerprint::Fingerprint,
        idempotency::IdempotencyKey,
        ids::{BatchKey, RequestId},
        lane::{Lane, Tenant},
        outcome::Origin,
        terms::Keeping,
        time::Timestamp,
        upstream_batch::UpstreamBatch,
    },
};
use mongodb::bson::{Binary, Bson, DateTime};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{content, fault::Speaker};

/// A document of `requests` that is not over.
#[derive(Deserialize)]
pub(super) struct RequestRow {
    #[serde(rename = "_id")]
    pub(super) id: Binary,
    pub(super) fingerprint: Binary,
    pub(super) lane: Lane,
    pub(super) accepted_at: DateTime,
    #[serde(default)]
    pub(super) attempts: u32,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    key: Option<Binary>,
}

impl RequestRow {
    /// Which of its terms are kept; nothing if its key is cut.
    pub(super) fn keeping(&self) -> Option<Keeping> {
        let key = match &self.key {
            Some(key) => Some(IdempotencyKey(key.bytes.as_slice().try_into().ok()?)),
            None => None,
        };
        Some(Keeping { private: self.private, key })
    }
}

/// A document with content of any length: of `bodies`, `outcomes` and `lines`.
#[derive(Deserialize)]
pub(super) struct ContentRow {
    #[serde(rename = "_id")]
    pub(super) id: Binary,
    pub(super) content: Bson,
}

/// A document of `outcomes` without its content.
#[derive(Deserialize)]
pub(super) struct OutcomeRow {
    #[serde(rename = "_id")]
    pub(super) id: Binary,
    pub(super) status: i32,
    pub(super) origin: Origin,
    pub(super) at: DateTime,
    /// Absent where the query left it out.
    #[serde(default)]
    pub(super) content: Option<Bson>,
}

/// A document of `batches`.
#[derive(Deserialize)]
pub(super) struct BatchRow {
    #[serde(rename = "_id")]
    pub(super) id: Bson,
    #[serde(default)]
    pub(super) lane: Option<Arc<Lane>>,
    #[serde(default)]
    pub(super) tenant: Option<Tenant>,
    /// Whether a client made it itself.
    #[serde(default)]
    pub(super) native: bool,
    #[serde(default)]
    pub(super) sealed_at: Option<DateTime>,
    #[serde(default)]
    pub(super) file: Option<String>,
    #[serde(default)]
    pub(super) uploaded_at: Option<DateTime>,
    #[serde(default)]
    pub(super) created_at: Option<i64>,
    #[serde(default)]
    pub(super) object: Option<String>,
    #[serde(default)]
    pub(super) observed_at: Option<DateTime>,
    #[serde(default)]
    pub(super) cancelled_at: Option<DateTime>,
}

impl BatchRow {
    /// The key, if this gateway made the batch.
    pub(super) fn key(&self) -> Option<BatchKey> {
        match &self.id {
            Bson::Binary(key) => number(key).map(BatchKey),
            _ => None,
        }
    }

    /// The upstream's object as last observed.
    pub(super) fn upstream(&self, speaker: &Speaker) -> Result<Option<UpstreamBatch>, StoreFault> {
        let parsed = self.object.as_deref().map(UpstreamBatch::parse).transpose();
        parsed.map_err(|error| speaker.damaged(&error.to_string()))
    }

    /// As a listing shows it.
    pub(super) fn stored(self, speaker: &Speaker) -> Result<StoredBatch, StoreFault> {
        let key = self.key();
        let object = self.object.unwrap_or_default();
        let object = RawValue::from_string(object).map_err(|error| speaker.damaged(&error.to_string()))?;
        let native = self.tenant.filter(|_| self.native);
        Ok(StoredBatch { key, native, object: object.into() })
    }
}

/// A request's `_id`: big-endian, so that ids sort as they do in the program.
pub(super) fn request_id(id: RequestId) -> Binary {
    content::binary(id.0.to_be_bytes())
}

/// A batch's `_id`.
pub(super) fn batch_key(key: BatchKey) -> Binary {
    content::binary(key.0.to_be_bytes())
}

/// What an `_id` of this gateway stands for.
pub(super) fn number(id: &Binary) -> Option<u128> {
    id.bytes.as_slice().try_into().ok().map(u128::from_be_bytes)
}

pub(super) fn fingerprint(bytes: &Binary) -> Option<Fingerprint> {
    bytes.bytes.as_slice().try_into().ok().map(Fingerprint)
}

pub(super) fn date(at: Timestamp) -> DateTime {
    DateTime::from_millis(whole(at.0))
}

pub(super) fn timestamp(date: DateTime) -> Timestamp {
    Timestamp(u64::try_from(date.timestamp_millis()).unwrap_or(0))
}

/// The server's integers have a sign; what does not fit is the upstream's nonsense and is cut.
pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
