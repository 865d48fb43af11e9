//! Inputs that are texts or tokens.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::parameter;
use crate::usage::Tokens;

/// One text or one list of token numbers.
pub(crate) struct Input<'a> {
    /// The text, or the list as it stands in the request.
    pub(crate) text: Cow<'a, str>,
    pub(crate) tokens: u64,
}

impl<'a> Input<'a> {
    /// Reads a text, a list of token numbers, or a list of either.
    pub(crate) fn list(name: &str, raw: &'a RawValue) -> Result<Vec<Input<'a>>, ApiError> {
        if let Some(single) = Input::read(raw) {
            return Ok(vec![single]);
        }
        let elements = parameter::elements(name, raw)?;
        if elements.is_empty() {
            let message = format!("Invalid '{name}': empty array.");
            return Err(ApiError::invalid(message).param(name).code("empty_array"));
        }
        elements
            .into_iter()
            .map(|element| {
                let error =
                    || ApiError::wrong_type(name, "a string or token array", parameter::kind(element));
                Input::read(element).ok_or_else(error)
            })
            .collect()
    }

    fn read(raw: &'a RawValue) -> Option<Input<'a>> {
        if let Some(text) = parameter::as_text(raw) {
            let tokens = Tokens::estimate(text.len());
            return Some(Input { text, tokens });
        }
        let numbers: Vec<u32> = serde_json::from_str(raw.get()).ok()?;
        let tokens = numbers.len() as u64;
        (tokens > 0).then_some(Input { text: Cow::Borrowed(raw.get()), tokens })
    }
}
