//! The form of an answer's text.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use crate::error::ApiError;
use crate::parameter::{self, Member};
use crate::schema;

/// The form a request asks for.
pub(crate) enum Format {
    Text,
    JsonObject,
    /// JSON that satisfies this schema.
    Json(Value),
}

/// Chat completions nest the schema, responses do not.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    json_schema: Option<Nested>,
    schema: Option<Value>,
}

#[derive(Deserialize)]
struct Nested {
    #[serde(default)]
    schema: Value,
}

impl Format {
    /// Reads the member called `name`; `schema_name` is where its schema belongs.
    pub(crate) fn read(name: &str, schema_name: &str, format: Member<'_>) -> Result<Format, ApiError> {
        let Some(raw) = format else { return Ok(Format::Text) };
        let members: Members<'_> = parameter::object(name, raw)?;
        match members.kind.as_ref() {
            "text" => Ok(Format::Text),
            "json_object" => Ok(Format::JsonObject),
            "json_schema" => {
                let nested = members.json_schema.map(|nested| nested.schema);
                let schema = nested.or(members.schema);
                schema.map(Format::Json).ok_or_else(|| ApiError::missing(&format!("{name}.{schema_name}")))
            }
            other => Err(ApiError::unsupported_value(
                &format!("{name}.type"),
                other,
                &["json_object", "json_schema", "text"],
            )),
        }
    }

    /// `text` in this form.
    pub(crate) fn render(&self, text: String) -> String {
        match self {
            Format::Text => text,
            Format::JsonObject => serde_json::json!({ "answer": text }).to_string(),
            Format::Json(schema) => schema::sample(schema, &text).to_string(),
        }
    }
}
