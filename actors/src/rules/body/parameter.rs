//! The few members of a body that are judged here.

use std::{borrow::Cow, sync::Arc};

use super::{
    super::{lane::Endpoint, outcome::ApiError},
    shape::{Items, Shape, TopLevel},
};

/// Longest model name that is taken, in bytes. The longest known names of fine-tuned models are half of it.
pub const MAX_MODEL_BYTES: usize = 256;

/// Characters of a name that an error repeats.
const MAX_SHOWN_CHARS: usize = 64;

pub(super) fn invalid(message: String) -> ApiError {
    ApiError::new("invalid_request_error", None, message)
}

/// A name out of a body, which may be as long as that, for an error.
pub(super) fn shown(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &name[..end]).into(),
        None => name.into(),
    }
}

fn missing(name: &str) -> ApiError {
    let message = format!("Missing required parameter: '{name}'.");
    ApiError::new("invalid_request_error", Some("missing_required_parameter"), message).param(name)
}

fn wrong_type(name: &str, expected: &str, got: &Shape) -> ApiError {
    let message = format!("Invalid type for '{name}': expected {expected}, but got {got} instead.");
    ApiError::new("invalid_request_error", Some("invalid_type"), message).param(name)
}

pub(super) fn model(shape: Option<Shape>) -> Result<Arc<str>, ApiError> {
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

/// What the endpoint works on is there. Returns how many texts are to be embedded, 0 at the other endpoints.
pub(super) fn subject(endpoint: Endpoint, top: &mut TopLevel) -> Result<usize, ApiError> {
    match endpoint {
        Endpoint::ChatCompletions => messages(top.take("messages"))?,
        Endpoint::Completions => present("prompt", top.take("prompt").as_ref())?,
        Endpoint::Embeddings => return inputs(top.take("input").as_ref()),
        Endpoint::Moderations => present("input", top.take("input").as_ref())?,
        // A stored prompt or an earlier response can be all there is to answer.
        Endpoint::Responses => {
            let instead = ["prompt", "previous_response_id", "conversation"].iter().any(|name| top.has(name));
            if top.has("input") || !instead {
                present("input", top.take("input").as_ref())?;
            }
        }
    }
    Ok(0)
}

fn messages(shape: Option<Shape>) -> Result<(), ApiError> {
    match shape {
        None => Err(missing("messages")),
        Some(Shape::Array(Items { count: 0, .. })) => Err(empty("messages")),
        Some(Shape::Array(_)) => Ok(()),
        Some(other) => Err(wrong_type("messages", "an array of objects", &other)),
    }
}

fn empty(name: &str) -> ApiError {
    let message = format!(
        "Invalid '{name}': empty array. Expected an array with minimum length 1, but got an empty array instead."
    );
    ApiError::new("invalid_request_error", Some("empty_array"), message).param(name)
}

/// A text, or an array of which the upstream knows more.
fn present(name: &str, shape: Option<&Shape>) -> Result<(), ApiError> {
    match shape {
        None | Some(Shape::Null) => Err(missing(name)),
        Some(Shape::Array(Items { count: 0, .. })) => Err(empty(name)),
        Some(Shape::Text(_) | Shape::Array(_)) => Ok(()),
        Some(other) => Err(wrong_type(name, "a string or an array", other)),
    }
}

/// How many texts are to be embedded: an array of numbers is one text in tokens.
pub(super) fn inputs(shape: Option<&Shape>) -> Result<usize, ApiError> {
    present("input", shape)?;
    Ok(match shape {
        Some(Shape::Array(Items { count, numbers })) if count > numbers => *count,
        _ => 1,
    })
}

/// Whether the answer is wanted as a stream, at an endpoint whose answers can be one.
pub(super) fn stream(endpoint: Endpoint, shape: Option<Shape>) -> Result<bool, ApiError> {
    let wanted = flag("stream", shape)?;
    if wanted && matches!(endpoint, Endpoint::Embeddings | Endpoint::Moderations) {
        let message = format!(
            "Unsupported value: 'stream' does not support true at {}. Answers come whole.",
            endpoint.path()
        );
        let error = ApiError::new("invalid_request_error", Some("unsupported_value"), message);
        return Err(error.param("stream"));
    }
    Ok(wanted)
}

/// Whether a stream is to end with the usage.
pub(super) fn include_usage(options: Option<Shape>) -> Result<bool, ApiError> {
    match options {
        None | Some(Shape::Null) => Ok(false),
        Some(Shape::Object(mut options)) => {
            flag("stream_options.include_usage", options.take("include_usage"))
        }
        Some(other) => Err(wrong_type("stream_options", "an object", &other)),
    }
}

/// A switch that is off when nobody says.
pub(super) fn flag(name: &str, shape: Option<Shape>) -> Result<bool, ApiError> {
    match shape {
        None | Some(Shape::Null) => Ok(false),
        Some(Shape::Bool(value)) => Ok(value),
        Some(other) => Err(wrong_type(name, "a boolean", &other)),
    }
}
