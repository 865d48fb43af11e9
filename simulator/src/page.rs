//! Pages of a listing.

use std::ops::RangeInclusive;

use actix_web::web::Query;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::ApiError;

/// What a list call asks for, as text, so that a bad value gets an error object.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct PageQuery {
    after: Option<String>,
    limit: Option<String>,
    order: Option<String>,
    pub(crate) purpose: Option<String>,
}

/// One page (contract, sections 1.1 and 1.2).
#[derive(Serialize)]
pub(crate) struct Page {
    object: &'static str,
    data: Vec<Value>,
    first_id: Option<String>,
    last_id: Option<String>,
    has_more: bool,
}

/// An object a listing can show.
pub(crate) struct Listed<'a, T> {
    pub(crate) id: &'a str,
    pub(crate) object: T,
}

impl PageQuery {
    pub(crate) fn read(query: &str) -> Result<PageQuery, ApiError> {
        Query::<PageQuery>::from_query(query)
            .map(Query::into_inner)
            .map_err(|cause| ApiError::invalid(format!("Invalid query string: {cause}.")))
    }

    /// Whether the newest objects come first, which is the default.
    pub(crate) fn newest_first(&self) -> Result<bool, ApiError> {
        match self.order.as_deref() {
            None | Some("desc") => Ok(true),
            Some("asc") => Ok(false),
            Some(other) => Err(ApiError::unsupported_value("order", other, &["asc", "desc"])),
        }
    }

    /// The number of objects wanted.
    pub(crate) fn limit(&self, default: usize, range: RangeInclusive<usize>) -> Result<usize, ApiError> {
        let Some(text) = &self.limit else {
            return Ok(default);
        };
        let limit =
            text.parse::<i64>().map_err(|_| ApiError::wrong_type("limit", "an integer", "a string"))?;
        let violated = |relation: &str, bound: usize, code: &'static str| {
            let message =
                format!("Invalid 'limit': expected a value {relation} {bound}, but got {limit} instead.");
            ApiError::invalid(message).param("limit").code(code)
        };
        match usize::try_from(limit) {
            Ok(limit) if range.contains(&limit) => Ok(limit),
            Ok(limit) if limit > *range.end() => Err(violated("<=", *range.end(), "integer_above_max_value")),
            _ => Err(violated(">=", *range.start(), "integer_below_min_value")),
        }
    }

    /// Cuts the page out of `listed`, which is in the wanted order; `render` makes the JSON of those that are
    /// on it. An `after` that is not in the listing gives `unknown`.
    pub(crate) fn cut<'a, T>(
        &self,
        limit: usize,
        listed: impl Iterator<Item = Listed<'a, T>>,
        render: impl Fn(T) -> serde_json::Result<Value>,
        unknown: impl Fn(&str) -> ApiError,
    ) -> Result<Page, ApiError> {
        let mut listed = listed;
        if let Some(after) = &self.after
            && !listed.any(|object| object.id == after)
        {
            return Err(unknown(after));
        }
        let mut ids = Vec::new();
        let mut data = Vec::new();
        for object in listed.by_ref().take(limit) {
            ids.push(object.id.to_owned());
            data.push(render(object.object).map_err(|cause| ApiError::internal(&cause))?);
        }
        Ok(Page {
            object: "list",
            first_id: ids.first().cloned(),
            last_id: ids.last().cloned(),
            has_more: listed.next().is_some(),
            data,
        })
    }
}
