//! What a request's body must be before it is queued, and how it becomes a line.
//!
//! One line that is no strict JSON fails everybody's batch (contract, section 2.4), so every byte is checked here:
//! UTF-8, escapes, numbers that a double can hold, nesting. What the values mean is the upstream's business, save
//! for the few members without which a batch is refused as a whole.

mod parameter;
mod shape;

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

pub use parameter::MAX_MODEL_BYTES;

use super::{
    fingerprint::Fingerprint,
    json::{Walk, feed},
    lane::{Endpoint, Tenant},
    outcome::ApiError,
};
use shape::Shape;

/// The model that moderates when nobody names one. A call of its own needs no model, a line does.
pub const MODERATION_MODEL: &str = "omni-moderation-latest";

/// A body that may be queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedBody {
    /// The model it names; [`MODERATION_MODEL`] for a moderation that names none.
    pub model: Arc<str>,
    /// The body as it goes into the line: no line breaks, `stream`, `stream_options` and the `background` of a
    /// response removed, the missing model of a moderation inserted, otherwise the client's own bytes.
    pub line: Bytes,
    /// Texts that it has embedded; 0 at the other endpoints.
    pub inputs: usize,
    /// Whether its answer is wanted as a stream.
    pub stream: bool,
    /// Whether the stream is to end with the usage.
    pub include_usage: bool,
    /// Whether its client would rather ask for the response later (`background` of a response).
    pub background: bool,
    /// Equal for lines that differ in white space, escapes and key order alone. Therefore a moderation that names
    /// no model equals one that names [`MODERATION_MODEL`].
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
fn removed(endpoint: Endpoint, key: &str) -> bool {
    match key {
        "stream" | "stream_options" => true,
        "background" => endpoint == Endpoint::Responses,
        _ => false,
    }
}

/// Checks a body for an endpoint. The error is what the client is told, with status 400.
pub fn check(endpoint: Endpoint, bytes: &[u8]) -> Result<CheckedBody, ApiError> {
    let shape = shape::read(bytes).map_err(|error| {
        parameter::invalid(format!("We could not parse the JSON body of your request: {error}."))
    })?;
    let Shape::Object(mut top) = shape else {
        return Err(parameter::invalid(format!(
            "Invalid body: expected an object, but got {shape} instead."
        )));
    };
    if let Some(key) = top.duplicate {
        let key = parameter::shown(&key);
        return Err(parameter::invalid(format!("Duplicate key in the body: '{key}'.")).param(&key));
    }
    let carries_removed = top.names().any(|name| removed(endpoint, name));
    let named = top.take("model");
    let inserted = (named.is_none() && endpoint == Endpoint::Moderations).then_some(MODERATION_MODEL);
    let model = inserted.map_or_else(|| parameter::model(named), |model| Ok(model.into()))?;
    let inputs = parameter::subject(endpoint, &mut top)?;
    let stream = parameter::stream(endpoint, top.take("stream"))?;
    let include_usage = parameter::include_usage(top.take("stream_options"))?;
    let background =
        endpoint == Endpoint::Responses && parameter::flag("background", top.take("background"))?;
    let line = if carries_removed || inserted.is_some() {
        one_line(rebuilt(endpoint, inserted, bytes))
    } else {
        one_line(bytes.trim_ascii().to_vec())
    };
    let mut sink = Sha256::new();
    Walk::new(&line).digest(&mut sink);
    let digest = sink.finalize().into();
    Ok(CheckedBody { model, line, inputs, stream, include_usage, background, digest })
}

/// Texts that a line's body has embedded, as [`CheckedBody::inputs`] counted them when it was checked.
pub fn inputs(endpoint: Endpoint, line: &[u8]) -> usize {
    if endpoint != Endpoint::Embeddings {
        return 0;
    }
    match shape::read(line) {
        Ok(Shape::Object(mut top)) => parameter::inputs(top.take("input").as_ref()).unwrap_or(0),
        _ => 0,
    }
}

/// The body without the members that a line must not carry, and with the model that is to be inserted.
fn rebuilt(endpoint: Endpoint, inserted: Option<&str>, bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(bytes.len());
    body.push(b'{');
    if let Some(model) = inserted {
        body.extend_from_slice(format!(r#""model":"{model}""#).as_bytes());
    }
    for member in Walk::new(bytes).members().iter().filter(|member| !removed(endpoint, &member.key)) {
        if body.len() > 1 {
            body.push(b',');
        }
        body.extend_from_slice(bytes.get(member.span.clone()).unwrap_or_default());
    }
    body.push(b'}');
    body
}

/// In valid JSON a line break can only be white space, so a space may stand for it.
fn one_line(mut body: Vec<u8>) -> Bytes {
    for byte in &mut body {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    body.into()
}
