//! The request that creates a batch.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::endpoint::{ENDPOINTS, Endpoint};
use crate::error::ApiError;
use crate::expiry::ExpiresAfter;
use crate::parameter::{self, Member};

/// The only completion window there is.
pub(crate) const WINDOW: &str = "24h";

const MAX_PAIRS: usize = 16;
const MAX_KEY_CHARS: usize = 64;
const MAX_VALUE_CHARS: usize = 512;

/// A checked create request (contract, section 1.2).
#[derive(Clone, Debug)]
pub(crate) struct CreateRequest {
    pub(crate) input_file_id: String,
    pub(crate) endpoint: Endpoint,
    pub(crate) metadata: Option<BTreeMap<String, String>>,
    pub(crate) output_expires_after: Option<ExpiresAfter>,
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    input_file_id: Member<'a>,
    #[serde(borrow)]
    endpoint: Member<'a>,
    #[serde(borrow)]
    completion_window: Member<'a>,
    #[serde(borrow)]
    metadata: Member<'a>,
    #[serde(borrow)]
    output_expires_after: Member<'a>,
}

#[derive(Deserialize)]
struct Expiry<'a> {
    #[serde(borrow)]
    anchor: Member<'a>,
    #[serde(borrow)]
    seconds: Member<'a>,
}

impl CreateRequest {
    /// Checks the parameters; a fault in any of them means that no batch is made.
    pub(crate) fn read(body: &[u8]) -> Result<CreateRequest, ApiError> {
        let unreadable = || ApiError::invalid("We could not parse the JSON body of your request.");
        let raw: &RawValue = serde_json::from_slice(body).map_err(|_| unreadable())?;
        let members: Members<'_> = parameter::object("body", raw).map_err(|_| unreadable())?;
        let input_file_id = parameter::required_text("input_file_id", members.input_file_id)?;
        let path = parameter::required_text("endpoint", members.endpoint)?;
        let endpoint = Endpoint::from_path(&path)
            .ok_or_else(|| ApiError::unsupported_value("endpoint", &path, &ENDPOINTS.map(Endpoint::path)))?;
        let window = parameter::required_text("completion_window", members.completion_window)?;
        if window != WINDOW {
            let message =
                format!("Invalid completion_window '{window}': the only supported value is '{WINDOW}'.");
            return Err(ApiError::invalid(message).param("completion_window").code("invalid_value"));
        }
        Ok(CreateRequest {
            input_file_id: input_file_id.into_owned(),
            endpoint,
            metadata: members.metadata.map(read_metadata).transpose()?,
            output_expires_after: members.output_expires_after.map(read_expiry).transpose()?,
        })
    }
}

fn read_metadata(raw: &RawValue) -> Result<BTreeMap<String, String>, ApiError> {
    let pairs: BTreeMap<String, &RawValue> = parameter::object("metadata", raw)?;
    if pairs.len() > MAX_PAIRS {
        let message = format!(
            "Invalid 'metadata': too many properties. Expected at most {MAX_PAIRS}, but got {} instead.",
            pairs.len()
        );
        return Err(ApiError::invalid(message).param("metadata").code("object_above_max_properties"));
    }
    let mut metadata = BTreeMap::new();
    for (key, value) in pairs {
        if key.chars().count() > MAX_KEY_CHARS {
            let message = format!("Invalid 'metadata': a key is longer than {MAX_KEY_CHARS} characters.");
            return Err(ApiError::invalid(message).param("metadata").code("string_above_max_length"));
        }
        let param = format!("metadata.{key}");
        let text = parameter::as_text(value)
            .ok_or_else(|| ApiError::wrong_type(&param, "a string", parameter::kind(value)))?;
        if text.chars().count() > MAX_VALUE_CHARS {
            let message = format!(
                "Invalid '{param}': string too long. The maximum length is {MAX_VALUE_CHARS} characters."
            );
            return Err(ApiError::invalid(message).param(param).code("string_above_max_length"));
        }
        metadata.insert(key, text.into_owned());
    }
    Ok(metadata)
}

fn read_expiry(raw: &RawValue) -> Result<ExpiresAfter, ApiError> {
    let expiry: Expiry<'_> = parameter::object("output_expires_after", raw)?;
    let anchor = parameter::required_text("output_expires_after.anchor", expiry.anchor)?;
    let seconds = parameter::integer("output_expires_after.seconds", expiry.seconds, i64::MIN..=i64::MAX)?
        .ok_or_else(|| ApiError::missing("output_expires_after.seconds"))?;
    ExpiresAfter::checked("output_expires_after", &anchor, seconds)
}
