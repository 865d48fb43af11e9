//! Members of a JSON request, checked one by one.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::ApiError;

/// A member as it stands in the request; absent and null are the same.
pub(crate) type Member<'a> = Option<&'a RawValue>;

/// A string that borrows from the request unless it contains escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// What kind of JSON value `raw` is, as it reads in a message.
pub(crate) fn kind(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ if raw.get().contains(['.', 'e', 'E']) => "a decimal",
        _ => "an integer",
    }
}

pub(crate) fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

/// The value of a string, or `None` if it is anything else.
pub(crate) fn as_text(raw: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(raw.get()).ok().map(|text| text.0)
}

/// A string, if given.
pub(crate) fn text<'a>(name: &str, member: Member<'a>) -> Result<Option<Cow<'a, str>>, ApiError> {
    let Some(raw) = member else { return Ok(None) };
    as_text(raw).map(Some).ok_or_else(|| ApiError::wrong_type(name, "a string", kind(raw)))
}

/// A string that must be given.
pub(crate) fn required_text<'a>(name: &str, member: Member<'a>) -> Result<Cow<'a, str>, ApiError> {
    text(name, member)?.ok_or_else(|| ApiError::missing(name))
}

/// A boolean, false if not given.
pub(crate) fn flag(name: &str, member: Member<'_>) -> Result<bool, ApiError> {
    match member.map(|raw| (raw, raw.get())) {
        None => Ok(false),
        Some((_, "true")) => Ok(true),
        Some((_, "false")) => Ok(false),
        Some((raw, _)) => Err(ApiError::wrong_type(name, "a boolean", kind(raw))),
    }
}

/// A number within `range`, if given.
pub(crate) fn number(
    name: &str,
    member: Member<'_>,
    range: RangeInclusive<f64>,
) -> Result<Option<f64>, ApiError> {
    let Some(raw) = member else { return Ok(None) };
    let value: f64 =
        serde_json::from_str(raw.get()).map_err(|_| ApiError::wrong_type(name, "a decimal", kind(raw)))?;
    bounded(name, value, range).map(Some)
}

/// A whole number within `range`, if given.
pub(crate) fn integer(
    name: &str,
    member: Member<'_>,
    range: RangeInclusive<i64>,
) -> Result<Option<i64>, ApiError> {
    let Some(raw) = member else { return Ok(None) };
    let value: i64 =
        serde_json::from_str(raw.get()).map_err(|_| ApiError::wrong_type(name, "an integer", kind(raw)))?;
    bounded(name, value, range).map(Some)
}

/// The value itself if it lies within `range`, otherwise the 400 that names the violated bound.
pub(crate) fn bounded<T>(name: &str, value: T, range: RangeInclusive<T>) -> Result<T, ApiError>
where
    T: PartialOrd + std::fmt::Display,
{
    let (relation, bound, code) = if value < *range.start() {
        (">=", range.start(), "integer_below_min_value")
    } else if value > *range.end() {
        ("<=", range.end(), "integer_above_max_value")
    } else {
        return Ok(value);
    };
    Err(ApiError::invalid(format!(
        "Invalid '{name}': expected a value {relation} {bound}, got {value} instead."
    ))
    .param(name)
    .code(code))
}

/// The elements of an array, each as it stands in the request.
pub(crate) fn elements<'a>(name: &str, raw: &'a RawValue) -> Result<Vec<&'a RawValue>, ApiError> {
    serde_json::from_str(raw.get()).map_err(|_| ApiError::wrong_type(name, "an array", kind(raw)))
}

/// The members of an object as `T` knows them.
pub(crate) fn object<'a, T: Deserialize<'a>>(name: &str, raw: &'a RawValue) -> Result<T, ApiError> {
    // A derived struct would also read an array, member by member.
    if !is_object(raw) {
        return Err(ApiError::wrong_type(name, "an object", kind(raw)));
    }
    serde_json::from_str(raw.get())
        .map_err(|cause| ApiError::invalid(format!("Invalid '{name}': {cause}.")).param(name))
}
