//! What goes wrong with a line that is valid.

use actix_web::http::StatusCode;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::error::ApiError;
use crate::faults::Faults;
use crate::inference::{Failure, Inference};
use crate::knobs::Knobs;
use crate::line_fault::LineFault;
use crate::marker::{Demand, Marker};
use crate::random::Random;
use crate::tries::{BodyHash, Tries};

/// What a line meets: what its prompt asks for, or else what the knobs or chance have in store.
pub(crate) enum Mishap {
    /// The line fails.
    Failure(Failure),
    /// Its result is spoilt, which can be a failure too.
    Fault(LineFault),
}

/// All that decides about the lines of one batch.
pub(crate) struct Odds<'a> {
    pub(crate) seed: u64,
    /// The number of the batch.
    pub(crate) batch: usize,
    pub(crate) knobs: &'a Knobs,
    pub(crate) faults: &'a Faults,
    pub(crate) tries: &'a Tries,
}

impl Odds<'_> {
    /// What the line would meet if it was executed now.
    pub(crate) fn foresee(
        &self,
        request: &Inference<'_>,
        custom_id: &str,
        body: &RawValue,
    ) -> Option<Mishap> {
        self.decide(request, custom_id, || self.tries.made(&hash_of(body)))
    }

    /// What the line meets as it is executed, which counts.
    pub(crate) fn meet(&self, request: &Inference<'_>, custom_id: &str, body: &BodyHash) -> Option<Mishap> {
        self.decide(request, custom_id, || self.tries.enter(body))
    }

    fn decide(
        &self,
        request: &Inference<'_>,
        custom_id: &str,
        tries: impl FnOnce() -> u64,
    ) -> Option<Mishap> {
        let markers: Vec<Marker> = request.markers().collect();
        let counted = markers.iter().any(|marker| marker.times.is_some());
        let made = if counted { tries() } else { 0 };
        let holding = markers.iter().filter(|marker| marker.times.is_none_or(|times| made < times));
        let asked = holding.filter_map(|marker| Mishap::asked(marker.demand)).next();
        let drawn = || self.draw_failure(custom_id).map(Mishap::Failure);
        let chance = || LineFault::draw(self.seed, self.batch, custom_id, self.faults).map(Mishap::Fault);
        asked.or_else(drawn).or_else(chance)
    }

    /// The failure the knobs have in store for a custom id.
    fn draw_failure(&self, custom_id: &str) -> Option<Failure> {
        let draw = Random::from((self.seed, custom_id)).fraction();
        let zero = self.knobs.status_zero_rate;
        if draw < zero {
            Some(Failure::StatusZero)
        } else if draw < zero + self.knobs.request_timeout_rate {
            Some(Failure::Timeout)
        } else {
            None
        }
    }
}

impl Mishap {
    fn asked(demand: Demand) -> Option<Mishap> {
        Some(match demand {
            Demand::Status(0) => Mishap::Failure(Failure::StatusZero),
            Demand::Status(status) => Mishap::Failure(Failure::Refused(asked_error(status)?)),
            Demand::Timeout => Mishap::Failure(Failure::Timeout),
            Demand::Line(fault) => Mishap::Fault(fault),
            // These concern the whole batch or the form of the answer.
            _ => return None,
        })
    }

    /// Whether the line ends without a readable answer.
    pub(crate) fn fails(&self) -> bool {
        match self {
            Mishap::Failure(_) => true,
            Mishap::Fault(fault) => fault.fails(),
        }
    }
}

/// The hash under which executions of a body are counted.
pub(crate) fn hash_of(body: &RawValue) -> BodyHash {
    Sha256::digest(body.get().as_bytes()).into()
}

fn asked_error(status: u16) -> Option<ApiError> {
    let error =
        ApiError::new(StatusCode::from_u16(status).ok()?, format!("The prompt asked for status {status}."));
    Some(match status {
        401 => error.code("invalid_api_key"),
        404 => error.code("model_not_found"),
        429 => error.kind("tokens").code("rate_limit_exceeded"),
        500.. => error.kind("server_error").code("server_error"),
        _ => error.code("invalid_value"),
    })
}
