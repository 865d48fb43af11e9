//! What a request's body must be before it is queued, and how it becomes a line.
//!
//! One line that is no strict JSON fails everybody's batch (contract, section 2.4), so every byte is checked here:
//! UTF-8, escapes, numbers that a double can hold, nesting. What the values mean is the upstream's business, save
//! for the few members without which a batch is refused as a whole.

use std::{collections::HashSet, fmt, sync::Arc};

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use sha2::{Digest, Sha256};

use super::{
    fingerprint::Fingerprint,
    json::{Walk, feed},
    lane::{Endpoint, Tenant},
    outcome::ApiError,
};

/// Longest model name that is taken, in bytes. The longest known names of fine-tuned models are half of it.
pub const MAX_MODEL_BYTES: usize = 256;

/// A body that may be queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedBody {
    /// The model it names.
    pub model: Arc<str>,
    /// The body as it goes into the line: no line breaks, `stream` and `stream_options` removed, otherwise the
    /// client's own bytes.
    pub line: Bytes,
    /// Whether its answer is wanted as a stream.
    pub stream: bool,
    /// Whether the stream is to end with the usage.
    pub include_usage: bool,
    /// Equal for bodies that differ in white space, escapes, key order and the removed members alone.
    digest: [u8; 32],
}

impl CheckedBody {
    /// What makes a re-send of this tenant to this endpoint equal to it.
    pub fn fingerprint(&self, tenant: &Tenant, endpoint: Endpoint) -> Fingerprint {
        let mut sink = Sha256::new();
        feed(&mut sink, b't', tenant.0.as_bytes());
        feed(&mut sink, b'e', endpoint.path().as_bytes());
        sink.update(self.digest);
        Fingerprint(sink.finalize().into())
    }
}

/// Members that a batch's line must not carry (contract, section 3.4).
fn removed(key: &str) -> bool {
    matches!(key, "stream" | "stream_options")
}

/// Checks a body for an endpoint. The error is what the client is told, with status 400.
pub fn check(endpoint: Endpoint, bytes: &[u8]) -> Result<CheckedBody, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let shape = Strict { keep: Keep::TopLevel }
        .deserialize(&mut reader)
        .and_then(|shape| reader.end().map(|()| shape))
        .map_err(|error| not_json(&error))?;
    let Shape::Object(top) = shape else {
        return Err(invalid(format!("Invalid body: expected an object, but got {shape} instead.")));
    };
    if let Some(key) = top.duplicate {
        return Err(invalid(format!("Duplicate key in the body: '{key}'.")).param(&key));
    }
    let model = model(top.model)?;
    match endpoint {
        Endpoint::ChatCompletions => messages(top.messages)?,
    }
    let stream = flag("stream", top.stream)?;
    let include_usage = include_usage(top.stream_options)?;
    let mut sink = Sha256::new();
    Walk::new(bytes).digest(&mut sink, &removed);
    Ok(CheckedBody { model, line: line(bytes), stream, include_usage, digest: sink.finalize().into() })
}

fn invalid(message: String) -> ApiError {
    ApiError::new("invalid_request_error", None, message)
}

fn not_json(error: &serde_json::Error) -> ApiError {
    invalid(format!("We could not parse the JSON body of your request: {error}."))
}

fn missing(name: &str) -> ApiError {
    let message = format!("Missing required parameter: '{name}'.");
    ApiError::new("invalid_request_error", Some("missing_required_parameter"), message).param(name)
}

fn wrong_type(name: &str, expected: &str, got: &Shape) -> ApiError {
    let message = format!("Invalid type for '{name}': expected {expected}, but got {got} instead.");
    ApiError::new("invalid_request_error", Some("invalid_type"), message).param(name)
}

fn model(shape: Option<Shape>) -> Result<Arc<str>, ApiError> {
    let refuse = |message: String| {
        ApiError::new("invalid_request_error", Some("invalid_value"), message).param("model")
    };
    match shape {
        None => Err(missing("model")),
        Some(Shape::Text(name)) if name.is_empty() => Err(missing("model")),
        Some(Shape::Text(name)) if name.len() > MAX_MODEL_BYTES => {
            Err(refuse(format!("Invalid 'model': longer than {MAX_MODEL_BYTES} bytes.")))
        }
        Some(Shape::Text(name)) => Ok(name.into()),
        Some(other) => Err(wrong_type("model", "a string", &other)),
    }
}

fn messages(shape: Option<Shape>) -> Result<(), ApiError> {
    match shape {
        None => Err(missing("messages")),
        Some(Shape::Array { empty: false }) => Ok(()),
        Some(Shape::Array { empty: true }) => {
            let message = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an \
                           empty array instead.";
            Err(ApiError::new("invalid_request_error", Some("empty_array"), message).param("messages"))
        }
        Some(other) => Err(wrong_type("messages", "an array of objects", &other)),
    }
}

fn include_usage(options: Option<Shape>) -> Result<bool, ApiError> {
    match options {
        None | Some(Shape::Null) => Ok(false),
        Some(Shape::Object(options)) => flag("stream_options.include_usage", options.include_usage),
        Some(other) => Err(wrong_type("stream_options", "an object", &other)),
    }
}

fn flag(name: &str, shape: Option<Shape>) -> Result<bool, ApiError> {
    match shape {
        None | Some(Shape::Null) => Ok(false),
        Some(Shape::Bool(set)) => Ok(set),
        Some(other) => Err(wrong_type(name, "a boolean", &other)),
    }
}

/// The body as one line. In valid JSON a line break can only be white space, so a space may stand for it.
fn line(bytes: &[u8]) -> Bytes {
    let mut line = Vec::with_capacity(bytes.len());
    let members = Walk::new(bytes).members();
    if members.iter().any(|member| removed(&member.key)) {
        line.push(b'{');
        for member in members.iter().filter(|member| !removed(&member.key)) {
            if line.len() > 1 {
                line.push(b',');
            }
            line.extend_from_slice(bytes.get(member.span.clone()).unwrap_or_default());
        }
        line.push(b'}');
    } else {
        line.extend_from_slice(bytes.trim_ascii());
    }
    for byte in &mut line {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    line.into()
}

/// What stands somewhere in a body, as far as anybody here asks.
enum Shape {
    Null,
    Bool(bool),
    Number,
    Text(String),
    Array { empty: bool },
    Object(Box<Known>),
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shape::Null => "null",
            Shape::Bool(_) => "a boolean",
            Shape::Number => "a number",
            Shape::Text(_) => "a string",
            Shape::Array { .. } => "an array",
            Shape::Object(_) => "an object",
        })
    }
}

#[derive(Default)]
struct Known {
    model: Option<Shape>,
    messages: Option<Shape>,
    stream: Option<Shape>,
    stream_options: Option<Shape>,
    include_usage: Option<Shape>,
    duplicate: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Keep {
    TopLevel,
    /// Of a member of the body.
    Member,
    Nothing,
}

/// Reads any value strictly: unlike a skipped value, every string and number is decoded, so that what the
/// upstream's parser would refuse is refused here. Nesting is bounded by [`serde_json`] at 128 levels.
#[derive(Clone, Copy)]
struct Strict {
    keep: Keep,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Shape, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Shape, E> {
        Ok(Shape::Bool(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Shape, E> {
        Ok(Shape::Text(if self.keep == Keep::Member { text.into() } else { String::new() }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let mut empty = true;
        while items.next_element_seed(Strict { keep: Keep::Nothing })?.is_some() {
            empty = false;
        }
        Ok(Shape::Array { empty })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Shape, A::Error> {
        let mut known = Box::<Known>::default();
        let mut seen = HashSet::new();
        while let Some(Key(key)) = members.next_key()? {
            if self.keep != Keep::TopLevel {
                let shape = members.next_value_seed(Strict { keep: Keep::Nothing })?;
                if self.keep == Keep::Member && key == "include_usage" {
                    known.include_usage = Some(shape);
                }
                continue;
            }
            let shape = members.next_value_seed(Strict { keep: Keep::Member })?;
            match key.as_str() {
                "model" => known.model = Some(shape),
                "messages" => known.messages = Some(shape),
                "stream" => known.stream = Some(shape),
                "stream_options" => known.stream_options = Some(shape),
                _ => {}
            }
            if !seen.insert(key.clone()) && known.duplicate.is_none() {
                known.duplicate = Some(key);
            }
        }
        Ok(Shape::Object(known))
    }
}

struct Key(String);

impl<'de> serde::Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Key, E> {
                Ok(Key(text.into()))
            }
        }
        reader.deserialize_str(Text).map_err(D::Error::custom)
    }
}
