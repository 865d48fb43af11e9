//! How a client that waits is held until its request has an outcome (contract, sections 5.2 and 5.3).
//!
//! Clients give up on a silent connection, and a proxy in between may, too. A byte now and then keeps both patient, but
//! it commits the response to 200, under which a failure can no longer be told.

mod heartbeat;
mod waiting;

use std::time::Duration;

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::header::{self, ContentType},
};
use batch_gpt_actors::{permits::Permit, waiting_room::Client};
use bytes::Bytes;

use self::heartbeat::{Broken, Words};
pub use self::waiting::{Ended, Waiting, ended};
use super::{
    error::{HttpError, LONGEST_RETRY_AFTER, Retry},
    stream::{self, Emulation},
};

/// How a client that asked for no stream is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Silently for one interval, so that a quick outcome has its true status; then with a heartbeat.
    Auto,
    /// Silently until the outcome.
    Silent,
    /// With a heartbeat from the start. A re-send is held as by `Auto`: what is stored already has its true status.
    Heartbeat,
    /// For one interval; then it is told to send its request again.
    Retry,
}

/// How clients are held, and in which rhythm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// How those are that asked for no stream.
    pub hold: Hold,
    /// Time between two bytes of a heartbeat.
    pub interval: Duration,
}

/// A comment that ends with the wait. Comments of a line each would add up, and one client gives up after 300 lines
/// without data.
const COMMENT: Words = Words { opening: b": ", beat: b"." };
/// White space in front of the JSON.
const BLANKS: Words = Words { opening: b"\n", beat: b"\n" };

impl Holding {
    /// A client that is going to be held, and what the waiting room knows it by.
    pub fn client(self, permit: Permit) -> (Waiting, Client) {
        Waiting::new(permit, self.hold == Hold::Retry)
    }

    /// Holds a client that waits for an answer as a whole. `resent` says that it has sent its request before.
    pub async fn whole(self, mut waiting: Waiting, resent: bool) -> Result<HttpResponse, HttpError> {
        match self.hold {
            Hold::Silent => return waiting.end().await.map(Ended::response),
            Hold::Heartbeat if !resent => return Ok(self.blanks(waiting)),
            Hold::Auto | Hold::Heartbeat | Hold::Retry => {}
        }
        if let Ok(end) = tokio::time::timeout(self.interval, waiting.end()).await {
            return end.map(Ended::response);
        }
        if self.hold == Hold::Retry {
            waiting.leave_to_return();
            return Err(self.come_again());
        }
        Ok(self.blanks(waiting))
    }

    /// Holds a client that waits for a stream.
    pub fn stream(self, waiting: Waiting, emulation: Emulation, include_usage: bool) -> HttpResponse {
        let last = move |end: Result<Ended, HttpError>| {
            let events = match end {
                Ok(end) if end.outcome.is_success() => emulation.events(&end.outcome.body, include_usage),
                Ok(end) => stream::failure(&end.outcome.body),
                Err(error) => stream::failure(&error.error.body()),
            };
            Ok(Bytes::from([b"\n\n", events.as_slice()].concat()))
        };
        let mut response = begun();
        response.insert_header((header::CONTENT_TYPE, "text/event-stream"));
        response.insert_header((header::CACHE_CONTROL, "no-cache"));
        response.streaming(heartbeat::body(waiting, self.interval, COMMENT, last))
    }

    /// White space until the answer is there. A failure breaks the connection: the client sends again, and gets the
    /// stored outcome with its true status.
    fn blanks(self, waiting: Waiting) -> HttpResponse {
        let last = |end: Result<Ended, HttpError>| match end {
            Ok(end) if end.outcome.is_success() => Ok(end.outcome.body),
            Ok(_) | Err(_) => Err(Broken),
        };
        let mut response = begun();
        response.content_type(ContentType::json());
        response.streaming(heartbeat::body(waiting, self.interval, BLANKS, last))
    }

    /// The pause is as long as the wait was: a client counts its attempts, not their time.
    fn come_again(self) -> HttpError {
        let message = "The answer is not there yet; send the request again to go on waiting for it.";
        let mut error = HttpError::unavailable("answer_pending", message);
        error.retry = Retry::After(self.interval.as_secs().clamp(1, LONGEST_RETRY_AFTER));
        error
    }
}

/// A response that begins before its end is known. A proxy that buffers would keep the heartbeat to itself.
fn begun() -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header(("x-accel-buffering", "no"));
    response
}
