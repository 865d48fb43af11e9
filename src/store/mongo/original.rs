//! Documents in the shape in which the original batch-gpt wrote them, and back.
//!
//! The original was a Go program. Its driver named the members of a document after the fields of Go structs in lower
//! case: the upstream's `created_at` stands as `createdat`, `input_file_id` as `inputfileid`, and so on. Only the
//! keys of maps kept their spelling.

use batch_gpt_actors::rules::{time::Timestamp, upstream_batch::UpstreamBatch};
use mongodb::bson::{Bson, DateTime, Document, doc, oid::ObjectId};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::row::date;

/// Members of a batch, in the order of the upstream's documentation.
const BATCH: [&str; 20] = [
    "id",
    "object",
    "endpoint",
    "errors",
    "input_file_id",
    "completion_window",
    "status",
    "output_file_id",
    "error_file_id",
    "created_at",
    "in_progress_at",
    "expires_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
    "request_counts",
    "metadata",
];

/// Members whose value is a map of somebody else's keys.
const MAPS: [&str; 4] = ["metadata", "logit_bias", "parameters", "schema"];

/// Deepest nesting that is kept; the server refuses a hundred levels.
const DEPTH: usize = 80;

/// Marks entries of `batch_logs` that this gateway wrote.
pub(super) const WRITER: &str = "gateway";

/// A name as Go spelled it.
fn lowered(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

/// An entry of `batch_logs` for a status. A repetition gets the same `_id`.
pub(super) fn log_entry(batch: &UpstreamBatch, at: Timestamp) -> Document {
    // The object was parsed once already.
    let object: Map<String, Value> = serde_json::from_str(batch.raw.get()).unwrap_or_default();
    let mut entry = Document::new();
    for member in BATCH {
        let value = object.get(member).unwrap_or(&Value::Null);
        entry.insert(lowered(member), to_bson(value, MAPS.contains(&member), 0));
    }
    let digest: [u8; 32] =
        Sha256::digest([&at.0.to_be_bytes()[..], batch.raw.get().as_bytes()].concat()).into();
    let mut id = [0; 12];
    // The original's own ids begin with the second, too.
    id[..4].copy_from_slice(&u32::try_from(at.seconds()).unwrap_or(u32::MAX).to_be_bytes());
    id[4..].copy_from_slice(&digest[..8]);
    doc! { "_id": ObjectId::from_bytes(id), "batch": entry, "timestamp": date(at), WRITER: true }
}

/// The upstream's object behind the `batch` of an entry; `None` where it has no id.
pub(super) fn batch_object(entry: &Document) -> Option<UpstreamBatch> {
    let mut object = Map::new();
    for member in BATCH {
        if let Some(value) = entry.get(lowered(member)).or_else(|| entry.get(member)) {
            object.insert(member.into(), to_json(value, member == "metadata"));
        }
    }
    object.get("id")?.as_str().filter(|id| !id.is_empty())?;
    UpstreamBatch::parse(&Value::Object(object).to_string()).ok()
}

/// A document of `cached_responses`.
pub(super) fn cached_response(hash: &str, request: &str, response: &str, at: DateTime) -> Option<Document> {
    let request: Value = serde_json::from_str(request).ok()?;
    let response: Value = serde_json::from_str(response).ok()?;
    Some(doc! {
        "hash": hash,
        "request": to_bson(&request, false, 0),
        "response": to_bson(&response, false, 0),
        "timestamp": at,
    })
}

/// A JSON value as the original's driver wrote it. `map` says that the keys are not the API's and keep their
/// spelling.
fn to_bson(value: &Value, map: bool, depth: usize) -> Bson {
    match value {
        _ if depth > DEPTH => Bson::Null,
        Value::Null => Bson::Null,
        Value::Bool(value) => (*value).into(),
        Value::String(text) => text.as_str().into(),
        Value::Number(number) => match number.as_i64() {
            // The driver wrote an integer in the shortest form that holds it.
            Some(integer) => i32::try_from(integer).map_or(Bson::Int64(integer), Bson::Int32),
            None => number.as_f64().map_or(Bson::Null, Bson::Double),
        },
        Value::Array(values) => values.iter().map(|value| to_bson(value, map, depth + 1)).collect(),
        Value::Object(members) => {
            let mut document = Document::new();
            // No key of a document can hold a NUL.
            for (name, value) in members.iter().filter(|(name, _)| !name.contains('\0')) {
                let inner = to_bson(value, map || MAPS.contains(&name.as_str()), depth + 1);
                if map {
                    document.insert(name, inner);
                } else if name == "content" && value.is_array() && members.contains_key("role") {
                    // A message of several parts was a field of its own.
                    document.insert("content", "");
                    document.insert("multicontent", inner);
                } else {
                    document.insert(lowered(name), inner);
                }
            }
            document.into()
        }
    }
}

/// A value of a batch as JSON. Below the batch itself the API's names are single words.
fn to_json(value: &Bson, map: bool) -> Value {
    match value {
        Bson::Boolean(value) => (*value).into(),
        Bson::String(text) => text.as_str().into(),
        Bson::Int32(integer) => (*integer).into(),
        Bson::Int64(integer) => (*integer).into(),
        // The upstream's times and counts are whole.
        Bson::Double(number) if number.fract() == 0.0 && !map => (*number as i64).into(),
        Bson::Double(number) => (*number).into(),
        Bson::DateTime(date) => (date.timestamp_millis() / 1000).into(),
        Bson::Array(values) => values.iter().map(|value| to_json(value, map)).collect(),
        Bson::Document(document) => {
            let members = document.iter().map(|(name, value)| (name.clone(), to_json(value, map)));
            Value::Object(members.collect())
        }
        _ => Value::Null,
    }
}
