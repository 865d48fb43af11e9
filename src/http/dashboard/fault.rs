//! An error, as a page.

use std::fmt;

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use maud::html;

use super::document::Document;
use crate::http::error::{HttpError, LONGEST_RETRY_AFTER, Retry};

/// See the module.
#[derive(Debug)]
pub struct Fault(HttpError);

/// What has a browser ask for the password.
const CHALLENGE: &str = r#"Basic realm="batch-gpt", charset="UTF-8""#;

impl From<HttpError> for Fault {
    fn from(error: HttpError) -> Self {
        Self(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Fault {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse {
        let HttpError { status, error, retry } = &self.0;
        let reason = status.canonical_reason().unwrap_or("Error");
        let main = html! {
            section.card.empty {
                p.status { (status.as_u16()) }
                h1 { (reason) }
                p { (error.message) }
                p { a href="/" { "Back to the overview" } }
            }
        };
        // What passes is worth another look; what does not stays.
        let still = matches!(retry, Retry::No);
        let document = Document { section: None, title: reason.into(), still, main };
        let mut response = document.respond_with(*status);
        if *status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        if let Retry::After(seconds) = retry {
            response.headers_mut().insert(RETRY_AFTER, (*seconds).min(LONGEST_RETRY_AFTER).into());
        }
        response
    }
}
