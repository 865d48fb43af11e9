//! Answers asked for later: `GET` behind the path of the endpoint, for instance `/v1/responses/{id}`.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use batch_gpt_actors::{
    ports::{Standing, StoredRequest},
    rules::{ids::RequestId, lane::Endpoint, outcome::ApiError},
    status_logger::Look,
};

use super::{
    answer::{accepted, answered, cancelled},
    error::HttpError,
    gateway::Gateway,
    requests,
};

/// The answer; 202 while it is on its way; the true error if the request failed. Another tenant's or another
/// endpoint's is not there.
pub async fn retrieve(
    endpoint: Endpoint,
    request: HttpRequest,
    id: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    show(find(endpoint, &request, &id, &gateway).await?)
}

/// `POST /v1/responses/{id}/cancel`: as often as one likes. A response that has ended stays as it is.
pub async fn cancel_response(
    request: HttpRequest,
    id: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    gateway.open()?;
    let mut stored = find(Endpoint::Responses, &request, &id, &gateway).await?;
    if matches!(stored.standing, Standing::Open | Standing::Sealed) {
        requests::cancel(&gateway, stored.request.id, &stored.request.lane).await?;
        stored = find(Endpoint::Responses, &request, &id, &gateway).await?;
    }
    show(stored)
}

async fn find(
    endpoint: Endpoint,
    request: &HttpRequest,
    id: &str,
    gateway: &Gateway,
) -> Result<StoredRequest, HttpError> {
    let tenant = gateway.scope(request)?;
    let missing = || HttpError::not_found(format!("No request found with id '{id}'."));
    let id: RequestId = id.parse().map_err(|_| missing())?;
    let stored = gateway.inquire(&id, |reply| Look { id, reply }).await?.ok_or_else(missing)?;
    let lane = &stored.request.lane;
    let own = lane.endpoint == endpoint && tenant.is_none_or(|tenant| tenant == lane.tenant);
    if own { Ok(stored) } else { Err(missing()) }
}

fn show(stored: StoredRequest) -> Result<HttpResponse, HttpError> {
    let StoredRequest { request, standing } = stored;
    let (endpoint, id, created) = (request.lane.endpoint, request.id, request.at.seconds());
    match standing {
        Standing::Open => Ok(accepted(endpoint, id, &request.lane.model, created, "queued")),
        Standing::Sealed => Ok(accepted(endpoint, id, &request.lane.model, created, "in_progress")),
        // For a response there is a word for that.
        Standing::Answered(outcome) if outcome.is_cancellation() && endpoint == Endpoint::Responses => {
            Ok(cancelled(endpoint, id, &request.lane.model, created))
        }
        Standing::Answered(outcome) => Ok(answered(id, outcome, None)),
        Standing::Withdrawn => {
            let message = "The request was dropped: its client left before it was sent.";
            let error = ApiError::new("invalid_request_error", Some("request_withdrawn"), message);
            Err(HttpError::new(StatusCode::GONE, error))
        }
        Standing::Removed => {
            let message = "The request has ended, and its answer is not kept any more.";
            let error = ApiError::new("invalid_request_error", Some("answer_removed"), message);
            Err(HttpError::new(StatusCode::GONE, error))
        }
    }
}
