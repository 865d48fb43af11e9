//! What an answer that is none means for the call that got it.

use std::time::SystemTime;

use batch_gpt_actors::rules::{fault::Fault, outcome::ApiError, time::Millis};
use bytes::Bytes;
use reqwest::{Response, header::HeaderMap};
use serde::Deserialize;

/// Whether a call that failed without a clear answer may have changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// The call only reads, or does no harm when it is made twice.
    None,
    /// The call makes something new.
    Creates,
}

impl Effect {
    fn unclear(self, why: String) -> Fault {
        match self {
            Effect::None => Fault::Transient(why),
            Effect::Creates => Fault::Ambiguous(why),
        }
    }
}

/// The call broke off.
pub(super) fn broken(effect: Effect, error: reqwest::Error) -> Fault {
    let happened = !error.is_connect() && !error.is_builder();
    let why = causes(error.without_url());
    if happened { effect.unclear(why) } else { Fault::Transient(why) }
}

/// An error with its causes: reqwest's own words alone say very little.
fn causes(error: reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        words = format!("{words}: {inner}");
        cause = inner.source();
    }
    words
}

/// The body of a 2xx answer; any other answer is a fault.
pub(super) async fn success(
    effect: Effect,
    answer: Result<Response, reqwest::Error>,
) -> Result<Response, Fault> {
    let response = answer.map_err(|error| broken(effect, error))?;
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers(), SystemTime::now());
    let body = response.bytes().await.unwrap_or_default();
    Err(refused(effect, status, retry_after, &body))
}

/// The body of a 2xx answer, whole.
pub(super) async fn body(effect: Effect, answer: Result<Response, reqwest::Error>) -> Result<Bytes, Fault> {
    let response = success(effect, answer).await?;
    response.bytes().await.map_err(|error| broken(effect, error))
}

/// A 2xx answer that makes no sense.
pub(super) fn senseless(effect: Effect, error: &dyn std::fmt::Display) -> Fault {
    effect.unclear(format!("the upstream's answer makes no sense: {error}"))
}

fn refused(effect: Effect, status: u16, retry_after: Option<Millis>, body: &[u8]) -> Fault {
    let error = api_error(status, body);
    match status {
        429 => Fault::Limited { retry_after, why: error.message },
        503 if retry_after.is_some() => Fault::Limited { retry_after, why: error.message },
        408 | 409 | 425 | 500.. => effect.unclear(format!("status {status}: {}", error.message)),
        _ => Fault::Permanent { status, error },
    }
}

/// The error in a body; one made up where the body has none, as with pages of HTML from the edge.
fn api_error(status: u16, body: &[u8]) -> ApiError {
    #[derive(Deserialize)]
    struct Envelope {
        error: ApiError,
    }
    serde_json::from_slice::<Envelope>(body).map_or_else(
        |_| ApiError::new("upstream_error", None, format!("The upstream answered with status {status}.")),
        |envelope| envelope.error,
    )
}

/// How long the upstream wants to be left alone: milliseconds, seconds or a date (contract, section 4; RFC 9110,
/// section 10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Millis> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(milliseconds) = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()) {
        return Some(Millis(milliseconds.max(0.0) as u64));
    }
    let after = text("retry-after")?;
    if let Ok(seconds) = after.parse::<f64>() {
        return Some(Millis((seconds.max(0.0) * 1000.0) as u64));
    }
    let date = httpdate::parse_http_date(after).ok()?;
    let span = date.duration_since(now).unwrap_or_default();
    Some(Millis(span.as_millis() as u64))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn patience_is_read_in_every_form() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(retry_after(&headers("retry-after", "7"), now), Some(Millis(7_000)));
        assert_eq!(retry_after(&headers("retry-after-ms", "250"), now), Some(Millis(250)));
        let date = headers("retry-after", "Sun, 06 Nov 1994 08:49:39 GMT");
        assert_eq!(retry_after(&date, now), Some(Millis(2_000)));
        assert_eq!(retry_after(&headers("retry-after", "soon"), now), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn a_failure_is_ambiguous_only_where_something_may_have_been_made() {
        assert!(matches!(refused(Effect::Creates, 500, None, b"<html>"), Fault::Ambiguous(_)));
        assert!(matches!(refused(Effect::None, 502, None, b""), Fault::Transient(_)));
        assert!(matches!(refused(Effect::Creates, 429, None, b"{}"), Fault::Limited { .. }));
        let body = br#"{"error":{"message":"no","type":"t","param":null,"code":"c"}}"#;
        let Fault::Permanent { status: 400, error } = refused(Effect::Creates, 400, None, body) else {
            panic!("a refusal is final");
        };
        assert_eq!((error.message.as_str(), error.code.as_deref()), ("no", Some("c")));
    }
}
