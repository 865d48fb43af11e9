//! `POST` to the endpoints whose calls are collated into batches.

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{self, Data},
};
use batch_gpt_actors::{
    collector::{Enqueue, Refused},
    permits::Permit,
    rules::{
        body::{self, CheckedBody},
        lane::{Endpoint, Lane, Tenant},
        outcome::ApiError,
        terms::Terms,
    },
    system::System,
    waiting_room::{Client, Delivery, Source, Taken},
};
use tokio::sync::oneshot;

use super::{
    answer::{accepted, mark},
    error::HttpError,
    gateway::{Gateway, Mode, Serving, now},
    hold::{Ended, Waiting, ended},
    request_body::{json_only, read, skip, too_large},
    stream::Emulation,
    wishes::Wishes,
};

/// `POST` to an endpoint: holds the client until its line's outcome is there, or tells it where to ask later.
pub async fn collate(
    endpoint: Endpoint,
    request: HttpRequest,
    payload: web::Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    // A client may wait for hours, and what it takes to take its request must not wait with it.
    match Box::pin(begin(endpoint, request, payload, &gateway)).await? {
        Begun::Response(response) => Ok(response),
        Begun::Waiting(waits) => waits.end(&gateway.serving).await,
    }
}

/// How far a call has come.
enum Begun {
    /// To its end.
    Response(HttpResponse),
    /// Its request is taken, and its client waits.
    Waiting(Waits),
}

/// What is kept of a call while its client waits.
struct Waits {
    waiting: Waiting,
    taken: Taken,
    resent: bool,
}

impl Waits {
    async fn end(self, serving: &Serving) -> Result<HttpResponse, HttpError> {
        let response = serving.holding.whole(self.waiting, self.resent).await?;
        Ok(marked(response, self.taken, serving))
    }
}

async fn begin(
    endpoint: Endpoint,
    request: HttpRequest,
    payload: web::Payload,
    gateway: &Gateway,
) -> Result<Begun, HttpError> {
    let entered = Wishes::of(&request).and_then(|wishes| enter(gateway, &request, wishes));
    let (tenant, system, permit, wishes) = match entered {
        Ok(entered) => entered,
        Err(refused) => {
            skip(&request, payload).await;
            return Err(refused);
        }
    };
    let bytes = read(&request, payload, &gateway.limits).await?;
    let checked = body::check(endpoint, &bytes).map_err(HttpError::bad_request)?;
    // The client's own buffer goes now; what is kept from here on is the line.
    drop(bytes);
    let terms = wishes.terms(&tenant, &gateway.serving);
    let lane = Arc::new(Lane { tenant, endpoint, model: checked.model.clone() });
    let call = Call { gateway, system, lane, checked, wishes, terms };
    call.serve(permit).await
}

/// A call that is going to be served.
struct Call<'a> {
    gateway: &'a Gateway,
    system: &'a System,
    lane: Arc<Lane>,
    checked: CheckedBody,
    wishes: Wishes,
    terms: Terms,
}

/// How its client is served.
enum Manner {
    /// It waits for the answer as a whole.
    Whole,
    /// It waits for a stream.
    Stream(Emulation),
    /// It waits for so long, and then asks later.
    Patient(Duration),
    /// It asks later.
    Later,
}

impl Call<'_> {
    /// A stream is waited for in any mode: its client could make nothing of a word on where to ask, unless it asks for
    /// that itself. What is stored is there at once.
    fn manner(&self) -> Manner {
        let streams = self.checked.stream && !self.wishes.respond_async;
        let stream = Emulation::of(self.lane.endpoint).filter(|_| streams);
        let later =
            self.wishes.respond_async || self.checked.background || self.gateway.serving.mode == Mode::Async;
        match (stream, self.wishes.wait) {
            (Some(emulation), _) => Manner::Stream(emulation),
            (None, _) if self.terms.stored_only => Manner::Whole,
            (None, Some(wait)) => Manner::Patient(wait),
            (None, None) if later => Manner::Later,
            (None, None) => Manner::Whole,
        }
    }

    async fn serve(mut self, permit: Permit) -> Result<Begun, HttpError> {
        let holding = self.gateway.serving.holding;
        let manner = self.manner();
        if matches!(manner, Manner::Later) {
            return self.later().await.map(Begun::Response);
        }
        let (mut waiting, client) = match manner {
            Manner::Patient(_) => Waiting::new(permit, true),
            _ => holding.client(permit),
        };
        // No response begins before it is known that there will be an answer.
        let Some(taken) = self.queue(client).await? else {
            return waiting.end().await.map(|end| Begun::Response(end.response()));
        };
        let response = match manner {
            Manner::Stream(emulation) => holding.stream(waiting, emulation, self.checked.include_usage),
            _ if taken.source == Source::Stored => waiting.end().await.map(Ended::response)?,
            Manner::Patient(wait) => match tokio::time::timeout(wait, waiting.end()).await {
                Ok(end) => end.map(Ended::response)?,
                Err(_) => {
                    waiting.leave_to_return();
                    self.accepted(taken)
                }
            },
            Manner::Whole | Manner::Later => {
                return Ok(Begun::Waiting(Waits { waiting, taken, resent: self.wishes.resent }));
            }
        };
        Ok(Begun::Response(marked(response, taken, &self.gateway.serving)))
    }

    async fn later(mut self) -> Result<HttpResponse, HttpError> {
        let (reply, delivery) = oneshot::channel();
        let taken = self.queue(Client::Detached(reply)).await?;
        match (taken, delivery.await) {
            (Some(taken), Ok(Delivery::Accepted(_))) => {
                Ok(marked(self.accepted(taken), taken, &self.gateway.serving))
            }
            (_, other) => ended(other).map(Ended::response),
        }
    }

    /// Hands the request over; says how it was taken, as soon as that is durable. A client that waits does so without
    /// its body.
    async fn queue(&mut self, client: Client) -> Result<Option<Taken>, HttpError> {
        let (word, taken) = oneshot::channel();
        let fingerprint = self.checked.fingerprint(&self.lane.tenant, self.lane.endpoint);
        let enqueue = Enqueue {
            lane: self.lane.clone(),
            fingerprint,
            body: std::mem::take(&mut self.checked.line),
            inputs: self.checked.inputs,
            resent: self.wishes.resent,
            terms: self.terms,
            client,
            word: Some(word),
        };
        let asked = self.system.collectors.by(&self.lane).ask(enqueue);
        // The reply comes before the word and says nothing more: who waits for the word alone is woken once.
        if let Ok(taken) = taken.await {
            return Ok(Some(taken));
        }
        match asked.await {
            Ok(Ok(())) => Ok(None),
            Ok(Err(Refused::Full)) => Err(HttpError::full()),
            Ok(Err(Refused::Draining)) => Err(HttpError::stopping()),
            Ok(Err(refused @ Refused::TooLarge)) => Err(too_large(refused.to_string())),
            Ok(Err(refused @ Refused::TooManyInputs)) => Err(too_many_inputs(refused)),
            Err(_) => Err(HttpError::internal()),
        }
    }

    /// Where to ask later. A response in the background is an object like any other, and so has the status of one.
    fn accepted(&self, taken: Taken) -> HttpResponse {
        let mut response =
            accepted(self.lane.endpoint, taken.id, &self.lane.model, now().seconds(), "queued");
        if self.checked.background {
            *response.status_mut() = StatusCode::OK;
        }
        if let Some(applied) = self.wishes.applied() {
            mark(&mut response, "preference-applied", &applied);
        }
        response
    }
}

/// Says how the request was taken.
fn marked(mut response: HttpResponse, taken: Taken, serving: &Serving) -> HttpResponse {
    mark(&mut response, "x-batch-gpt-request-id", &taken.id.to_string());
    if serving.cache {
        let source = match taken.source {
            Source::New => "miss",
            Source::Shared => "shared",
            Source::Stored => "hit",
        };
        mark(&mut response, "x-batch-gpt-cache", source);
    }
    response
}

/// What is decided before the body is read: whose request it is, whether any is taken now, and whether one more is.
fn enter<'a>(
    gateway: &'a Gateway,
    request: &HttpRequest,
    wishes: Wishes,
) -> Result<(Tenant, &'a System, Permit, Wishes), HttpError> {
    let tenant = gateway.tenant(request)?;
    let system = gateway.open()?;
    let permit = gateway.admit(&tenant, wishes.resent)?;
    json_only(request)?;
    Ok((tenant, system, permit, wishes))
}

fn too_many_inputs(refused: Refused) -> HttpError {
    let message = format!("Invalid 'input': {refused}.");
    let error = ApiError::new("invalid_request_error", Some("array_above_max_length"), message);
    HttpError::bad_request(error.param("input"))
}
