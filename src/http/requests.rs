//! Answers asked for later: `GET` behind the path of the endpoint, for instance `/v1/responses/{id}`.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use batch_gpt_actors::{
    ports::Standing,
    rules::{ids::RequestId, lane::Endpoint, outcome::ApiError},
    status_logger::Look,
};

use super::{
    answer::{accepted, answered},
    error::HttpError,
    gateway::Gateway,
};

/// The answer; 202 while it is on its way; the true error if the request failed. Another tenant's or another
/// endpoint's is not there.
pub async fn retrieve(
    endpoint: Endpoint,
    request: HttpRequest,
    id: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    let tenant = gateway.scope(&request)?;
    let missing = || HttpError::not_found(format!("No request found with id '{id}'."));
    let id: RequestId = id.parse().map_err(|_| missing())?;
    let stored = gateway.inquire(&id, |reply| Look { id, reply }).await?.ok_or_else(missing)?;
    let lane = &stored.request.lane;
    if lane.endpoint != endpoint || tenant.is_some_and(|tenant| tenant != lane.tenant) {
        return Err(missing());
    }
    match stored.standing {
        Standing::Open | Standing::Sealed => {
            Ok(accepted(lane.endpoint, id, &lane.model, stored.request.at.seconds()))
        }
        Standing::Answered(outcome) => Ok(answered(id, outcome, None)),
        Standing::Withdrawn => {
            let message = "The request was dropped: its client left before it was sent.";
            let error = ApiError::new("invalid_request_error", Some("request_withdrawn"), message);
            Err(HttpError::new(StatusCode::GONE, error))
        }
    }
}
