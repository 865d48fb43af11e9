//! The text an answer is made from.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::marker::{Demand, Marker};
use crate::parameter::{self, Member};

/// What one request asks, and how large everything it sends to the model is.
pub(crate) struct Prompt<'a> {
    /// The text the answer quotes: the last user message or the input.
    pub(crate) text: Cow<'a, str>,
    /// Bytes of all messages or inputs together.
    pub(crate) bytes: usize,
    /// Whether it ends with the results of calls.
    pub(crate) has_results: bool,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, rename = "type")]
    kind: Member<'a>,
    #[serde(borrow)]
    role: Member<'a>,
    #[serde(borrow)]
    content: Member<'a>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    text: Member<'a>,
}

const ROLES: [&str; 6] = ["system", "assistant", "user", "function", "tool", "developer"];

impl<'a> Prompt<'a> {
    /// A text alone.
    pub(crate) fn of(text: Cow<'a, str>) -> Prompt<'a> {
        Prompt { bytes: text.len(), text, has_results: false }
    }

    /// Whether its text asks for this form of answer.
    pub(crate) fn asks_for(&self, demand: Demand) -> bool {
        Marker::all_in(&self.text).any(|marker| marker.demand == demand)
    }

    /// Reads a list of messages, `name` being the parameter that holds it.
    pub(crate) fn from_messages(name: &str, raw: &'a RawValue) -> Result<Prompt<'a>, ApiError> {
        let elements = parameter::elements(name, raw)?;
        if elements.is_empty() {
            return Err(ApiError::invalid(format!(
                "Invalid '{name}': empty array. Expected an array with minimum length 1, but got an empty array \
                 instead."
            ))
            .param(name)
            .code("empty_array"));
        }
        let mut last_user = None;
        let mut last = None;
        let mut has_results = false;
        for (index, element) in elements.into_iter().enumerate() {
            let path = format!("{name}[{index}]");
            let message: Message<'a> = parameter::object(&path, element)?;
            // Items of a responses input may have no role, such as the output of a tool.
            let kind = message.kind.and_then(parameter::as_text);
            has_results = kind.is_some_and(|kind| kind == "function_call_output");
            if let Some(role) = parameter::text(&format!("{path}.role"), message.role)? {
                has_results |= role == "tool" || role == "function";
                if !ROLES.contains(&role.as_ref()) {
                    return Err(ApiError::unsupported_value(&format!("{path}.role"), &role, &ROLES));
                }
                if role == "user" {
                    last_user = message.content;
                }
            }
            last = message.content;
        }
        let text = match last_user.or(last) {
            Some(content) => content_text(&format!("{name}.content"), content)?,
            None => Cow::Borrowed(""),
        };
        Ok(Prompt { text, bytes: raw.get().len(), has_results })
    }

    /// Reads an input that is either a string or a list of messages.
    pub(crate) fn from_input(name: &str, raw: &'a RawValue) -> Result<Prompt<'a>, ApiError> {
        match parameter::as_text(raw) {
            Some(text) => Ok(Prompt { text, bytes: raw.get().len(), has_results: false }),
            None => Prompt::from_messages(name, raw),
        }
    }
}

/// A string, or the concatenated text parts of a list.
fn content_text<'a>(name: &str, content: &'a RawValue) -> Result<Cow<'a, str>, ApiError> {
    if let Some(text) = parameter::as_text(content) {
        return Ok(text);
    }
    let mut joined = String::new();
    for element in parameter::elements(name, content)? {
        let part: Part<'a> = parameter::object(name, element)?;
        if let Some(text) = parameter::text(name, part.text)? {
            joined.push_str(&text);
        }
    }
    Ok(Cow::Owned(joined))
}
