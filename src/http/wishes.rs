//! What a client asks for in its headers, beside its answer.

use std::time::Duration;

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderName},
};
use batch_gpt_actors::rules::{
    idempotency::IdempotencyKey,
    lane::Tenant,
    outcome::ApiError,
    terms::{Keeping, Terms},
};

use super::{
    error::HttpError,
    gateway::{Mode, Serving},
};

/// Longest time that a client may ask to wait; no batch takes longer.
const LONGEST_WAIT: u64 = 7 * 24 * 3600;
/// Longest idempotency key, in bytes.
const LONGEST_KEY: usize = 255;

// Every request is asked for them, and a name that is ready is found much faster than a text.
static PREFER: HeaderName = HeaderName::from_static("prefer");
static RETRY_COUNT: HeaderName = HeaderName::from_static("x-stainless-retry-count");
static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wishes {
    /// It would rather ask for its answer later (RFC 7240, section 4.1).
    pub respond_async: bool,
    /// It waits for so long, and then asks later (RFC 7240, section 4.3).
    pub wait: Option<Duration>,
    /// It has sent the request before (contract, section 5.1).
    pub resent: bool,
    no_cache: bool,
    no_store: bool,
    only_if_cached: bool,
    key: Option<Vec<u8>>,
}

impl Wishes {
    /// Reads them. What makes no sense is passed over, as such headers are, save for a key: who sends one counts on it.
    pub fn of(request: &HttpRequest) -> Result<Self, HttpError> {
        let mut wishes = Self::default();
        for preference in elements(request, &PREFER) {
            let (name, value) = preference.split_once('=').unwrap_or((&preference, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "respond-async" => wishes.respond_async = true,
                "wait" if wishes.wait.is_none() => {
                    let seconds = value.trim().trim_matches('"').parse::<u64>().ok();
                    wishes.wait = seconds.map(|seconds| Duration::from_secs(seconds.min(LONGEST_WAIT)));
                }
                _ => {}
            }
        }
        for directive in elements(request, &header::CACHE_CONTROL) {
            match directive.to_ascii_lowercase().as_str() {
                "no-cache" => wishes.no_cache = true,
                "no-store" => wishes.no_store = true,
                "only-if-cached" => wishes.only_if_cached = true,
                _ => {}
            }
        }
        let count = request.headers().get(&RETRY_COUNT).and_then(|count| count.to_str().ok());
        wishes.resent =
            count.and_then(|count| count.trim().parse::<u32>().ok()).is_some_and(|count| count > 0);
        wishes.key = key(request)?;
        Ok(wishes)
    }

    /// On which terms this tenant's request is taken. Who names a request means that very request, so it shares no
    /// other one's answer, unless it would get none otherwise.
    pub fn terms(&self, tenant: &Tenant, serving: &Serving) -> Terms {
        let stored_only = self.only_if_cached || serving.mode == Mode::Cache;
        let key = self.key.as_deref().map(|key| IdempotencyKey::of(tenant, key));
        let shares = serving.cache && !self.no_cache && !self.no_store && (key.is_none() || stored_only);
        Terms { shares, stored_only, keeping: Keeping { private: self.no_store, key } }
    }

    /// The preferences that were heeded, as the client is told (RFC 7240, section 3).
    pub fn applied(&self) -> Option<String> {
        let wait = self.wait.map(|wait| format!("wait={}", wait.as_secs()));
        match (self.respond_async, wait) {
            (true, Some(wait)) => Some(format!("respond-async, {wait}")),
            (true, None) => Some("respond-async".into()),
            (false, wait) => wait,
        }
    }
}

/// The elements of a list in a header, or in several of them.
fn elements(request: &HttpRequest, name: &HeaderName) -> Vec<String> {
    let values = request.headers().get_all(name);
    let lists = values.filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(|element| element.trim().to_owned()).collect()
}

fn key(request: &HttpRequest) -> Result<Option<Vec<u8>>, HttpError> {
    let Some(key) = request.headers().get(&IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = key.as_bytes();
    if !key.is_empty() && key.len() <= LONGEST_KEY {
        return Ok(Some(key.to_vec()));
    }
    let message =
        format!("Invalid Idempotency-Key: expected 1 to {LONGEST_KEY} bytes, but got {}.", key.len());
    let error = ApiError::new("invalid_request_error", Some("invalid_idempotency_key"), message);
    Err(HttpError::bad_request(error))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn wishes(headers: &[(&'static str, &'static str)]) -> Wishes {
        let request =
            headers.iter().fold(TestRequest::default(), |request, header| request.append_header(*header));
        Wishes::of(&request.to_http_request()).unwrap()
    }

    #[test]
    fn preferences_are_read_as_a_list_and_the_first_of_a_name_counts() {
        let both = wishes(&[("prefer", "Respond-Async, wait=10")]);
        assert_eq!((both.respond_async, both.wait), (true, Some(Duration::from_secs(10))));
        assert_eq!(both.applied().as_deref(), Some("respond-async, wait=10"));
        let apart = wishes(&[("prefer", "handling=lenient"), ("prefer", "wait=\"3\""), ("prefer", "wait=4")]);
        assert_eq!(apart.applied().as_deref(), Some("wait=3"));
        assert_eq!(wishes(&[("prefer", "wait=soon")]).applied(), None);
        assert_eq!(wishes(&[]).applied(), None);
    }

    #[test]
    fn directives_decide_what_is_shared() {
        let tenant = Tenant::anonymous();
        let holding = crate::http::hold::Holding {
            hold: crate::http::hold::Hold::Auto,
            interval: Duration::from_secs(15),
        };
        let serving = |mode, cache| Serving { mode, holding, cache };
        let terms = |directives, mode, cache| {
            let terms = wishes(&[("cache-control", directives)]).terms(&tenant, &serving(mode, cache));
            (terms.shares, terms.stored_only, terms.keeping.private)
        };
        assert_eq!(terms("max-age=5", Mode::Sync, true), (true, false, false));
        assert_eq!(terms("No-Cache", Mode::Sync, true), (false, false, false));
        assert_eq!(terms("no-store", Mode::Sync, true), (false, false, true));
        assert_eq!(terms("max-age=0, only-if-cached", Mode::Async, true), (true, true, false));
        assert_eq!(terms("", Mode::Cache, true), (true, true, false));
        assert_eq!(terms("", Mode::Sync, false), (false, false, false));
        let keyed = wishes(&[("idempotency-key", "a")]);
        assert!(!keyed.terms(&tenant, &serving(Mode::Sync, true)).shares);
        assert!(keyed.terms(&tenant, &serving(Mode::Cache, true)).shares);
    }
}
