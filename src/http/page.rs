//! A page of a list (contract, section 1.2).

use batch_gpt_actors::rules::outcome::ApiError;
use serde::Deserialize;

use super::error::HttpError;

/// Entries of a page of batches or requests when nobody says (contract, section 1.2).
pub const USUAL: usize = 20;
/// Most entries of such a page (contract, section 1.2).
pub const MOST: usize = 100;

/// How a page is asked for.
#[derive(Debug, Default, Deserialize)]
pub struct Paging {
    after: Option<String>,
    limit: Option<String>,
}

impl Paging {
    /// The entry that it starts behind; an empty text is none.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref().filter(|after| !after.is_empty())
    }

    /// How many entries it is to have: at most `max`, and `usual` when nobody says.
    pub fn limit(&self, usual: usize, max: usize) -> Result<usize, HttpError> {
        limit(self.limit.as_deref(), usual, max)
    }
}

fn limit(text: Option<&str>, usual: usize, max: usize) -> Result<usize, HttpError> {
    let Some(text) = text else {
        return Ok(usual);
    };
    text.parse().ok().filter(|limit| (1..=max).contains(limit)).ok_or_else(|| {
        let message = format!("Invalid 'limit': expected a number from 1 to {max}, but got '{text}'.");
        let error = ApiError::new("invalid_request_error", Some("invalid_value"), message).param("limit");
        HttpError::bad_request(error)
    })
}

/// The list around objects, each with its id. The objects stand in it byte for byte as the upstream wrote them.
pub fn envelope<'a>(items: impl IntoIterator<Item = (String, &'a str)>, has_more: bool) -> String {
    let (ids, objects): (Vec<String>, Vec<&str>) = items.into_iter().unzip();
    // Serialising a string cannot fail.
    let id = |id: Option<&String>| serde_json::to_string(&id).unwrap_or_else(|_| "null".into());
    format!(
        r#"{{"object":"list","data":[{}],"first_id":{},"last_id":{},"has_more":{has_more}}}"#,
        objects.join(","),
        id(ids.first()),
        id(ids.last()),
    )
}
