//! A client that waits for the end of its request.

use actix_web::{HttpResponse, http::StatusCode};
use batch_gpt_actors::{
    permits::Permit,
    rules::{
        ids::{BatchId, RequestId},
        outcome::{ApiError, Outcome},
    },
    waiting_room::{Client, ComesAgain, Decline, Delivery},
};
use tokio::sync::oneshot::{self, error::RecvError};

use crate::http::{answer::answered, error::HttpError};

/// A client that waits, and its place among those who wait. Dropping it gives both up: who hangs up before its
/// request is on its way is not sent.
#[derive(Debug)]
pub struct Waiting {
    delivery: oneshot::Receiver<Delivery>,
    comes_again: ComesAgain,
    _permit: Permit,
}

/// The end of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The request.
    pub id: RequestId,
    /// Its end.
    pub outcome: Outcome,
    /// The batch it was a line of, if that is known.
    pub batch: Option<BatchId>,
}

impl Ended {
    /// As a response that has not begun yet.
    pub fn response(self) -> HttpResponse {
        answered(self.id, self.outcome, self.batch.as_ref())
    }
}

impl Waiting {
    /// A client that may be told to come again, or may not, and what the waiting room knows it by.
    pub fn new(permit: Permit, may_be_sent_away: bool) -> (Self, Client) {
        let (reply, delivery) = oneshot::channel();
        let (comes_again, client) = match may_be_sent_away {
            true => {
                let comes_again = ComesAgain::perhaps();
                (comes_again.clone(), Client::Returning(reply, comes_again))
            }
            false => (ComesAgain::default(), Client::Parked(reply)),
        };
        (Self { delivery, comes_again, _permit: permit }, client)
    }

    /// Waits for the end. May be given up and called again, until it has told it.
    pub async fn end(&mut self) -> Result<Ended, HttpError> {
        ended((&mut self.delivery).await)
    }

    /// Leaves, with the word that the client comes again: its request is sent in any case.
    pub fn leave_to_return(self) {
        self.comes_again.promise();
    }
}

/// What the word from the waiting room means to a client that waited for the end.
pub fn ended(delivery: Result<Delivery, RecvError>) -> Result<Ended, HttpError> {
    match delivery {
        Ok(Delivery::Answered { id, outcome, batch }) => Ok(Ended { id, outcome, batch }),
        Ok(Delivery::Released) => Err(HttpError::stopping()),
        Ok(Delivery::Full) => Err(HttpError::full()),
        Ok(Delivery::NotRecorded) => Err(HttpError::store_unavailable()),
        Ok(Delivery::Declined(decline)) => Err(declined(decline)),
        Ok(Delivery::Accepted(_)) | Err(_) => Err(HttpError::internal()),
    }
}

fn declined(decline: Decline) -> HttpError {
    let (status, code, message) = match decline {
        Decline::NotStored => {
            (StatusCode::NOT_FOUND, "not_cached", "There is no stored answer to this request.")
        }
        Decline::KeyReused => (
            StatusCode::CONFLICT,
            "idempotency_key_reused",
            "This Idempotency-Key was sent with another request before.",
        ),
    };
    HttpError::new(status, ApiError::new("invalid_request_error", Some(code), message))
}
