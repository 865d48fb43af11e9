//! `/v1/requests`: the gateway's own view of what it was asked.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::ContentType,
    web::{Data, Path, Query},
};
use batch_gpt_actors::{
    collector::CancelRequest,
    ports::{RequestPage, RequestSummary},
    rules::{ids::RequestId, lane::Lane, outcome::ApiError, record::Record, stage::Stage},
    status_logger::{ListRequests, Summarise},
    sweeper::Sweep,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    error::HttpError,
    gateway::{Gateway, now},
    page,
};

/// How a page is asked for.
#[derive(Debug, Deserialize)]
pub struct Paging {
    after: Option<String>,
    limit: Option<String>,
    status: Option<String>,
}

/// Requests of a page when nobody says.
const DEFAULT_LIMIT: usize = 20;
/// Most requests of a page.
const MAX_LIMIT: usize = 100;

/// `GET /v1/requests`
pub async fn list(
    request: HttpRequest,
    paging: Query<Paging>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    let tenant = gateway.scope(&request)?;
    let limit = page::limit(paging.limit.as_deref(), DEFAULT_LIMIT, MAX_LIMIT)?;
    let stage = paging.status.as_deref().filter(|word| !word.is_empty()).map(stage).transpose()?;
    let after = paging.after.as_deref().filter(|after| !after.is_empty());
    let missing = || missing(after.unwrap_or_default());
    let after = after.map(|id| id.parse::<RequestId>().map_err(|_| missing())).transpose()?;
    let page = RequestPage { tenant, stage, after, limit };
    let listing = gateway.inquire(&after, |reply| ListRequests { page, reply }).await?.ok_or_else(missing)?;
    let objects: Vec<(String, String)> =
        listing.items.iter().map(|item| (item.id.to_string(), object(item).to_string())).collect();
    let items = objects.iter().map(|(id, object)| (id.clone(), object.as_str()));
    let body = page::envelope(items, listing.has_more);
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(body))
}

/// `GET /v1/requests/{id}`
pub async fn retrieve(
    request: HttpRequest,
    id: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    let summary = find(&request, &id, &gateway).await?;
    Ok(HttpResponse::Ok().json(object(&summary)))
}

/// How a deletion is asked for.
#[derive(Debug, Deserialize)]
pub struct Deletion {
    purge: Option<String>,
}

impl Deletion {
    /// Whether what the request holds is to go.
    fn purges(&self) -> Result<bool, HttpError> {
        match self.purge.as_deref() {
            None | Some("" | "false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => {
                let message = format!("Invalid 'purge': expected true or false, but got '{other}'.");
                let error = ApiError::new("invalid_request_error", Some("invalid_value"), message);
                Err(HttpError::bad_request(error.param("purge")))
            }
        }
    }
}

/// `DELETE /v1/requests/{id}`: the request ends now, and its client is told. One that has ended stays as it is. With
/// `purge=true` its body and its answer go, too.
pub async fn delete(
    request: HttpRequest,
    id: Path<String>,
    deletion: Query<Deletion>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    let purges = deletion.purges()?;
    gateway.open()?;
    let mut summary = find(&request, &id, &gateway).await?;
    if !summary.stage.is_final() {
        cancel(&gateway, summary.id, &summary.lane).await?;
        summary = find(&request, &id, &gateway).await?;
    }
    if !summary.stage.is_final() {
        return Err(HttpError::stopping());
    }
    let mut object = object(&summary);
    if purges {
        purge(&gateway, &summary).await?;
        object["purged"] = true.into();
    }
    Ok(HttpResponse::Ok().json(object))
}

/// Nobody gets the answer of a request any more, and what is kept of it goes as soon as its batch needs it no more.
async fn purge(gateway: &Gateway, summary: &RequestSummary) -> Result<(), HttpError> {
    gateway.record(&summary.lane, Record::Purged { id: summary.id, at: now() }, true).await?;
    gateway.system()?.sweeper.tell(Sweep);
    Ok(())
}

/// Gives a request its end, unless it has one. While the gateway stops it may be too late for that.
pub async fn cancel(gateway: &Gateway, id: RequestId, lane: &Arc<Lane>) -> Result<(), HttpError> {
    let collector = gateway.system()?.collectors.by(lane);
    let cancelled = collector.inquire(|reply| CancelRequest { id, lane: lane.clone(), reply }).await;
    cancelled.map_err(|_| HttpError::internal())
}

async fn find(request: &HttpRequest, id: &str, gateway: &Gateway) -> Result<RequestSummary, HttpError> {
    let tenant = gateway.scope(request)?;
    let key: RequestId = id.parse().map_err(|_| missing(id))?;
    let summary = gateway.inquire(&key, |reply| Summarise { id: key, reply }).await?;
    let own = summary.filter(|summary| tenant.is_none_or(|tenant| tenant == summary.lane.tenant));
    own.ok_or_else(|| missing(id))
}

fn missing(id: &str) -> HttpError {
    HttpError::not_found(format!("No request found with id '{id}'."))
}

fn stage(word: &str) -> Result<Stage, HttpError> {
    word.parse().map_err(|_| {
        let words = Stage::ALL.map(Stage::as_str).join(", ");
        let message = format!("Invalid 'status': expected one of {words}, but got '{word}'.");
        let error = ApiError::new("invalid_request_error", Some("invalid_value"), message).param("status");
        HttpError::bad_request(error)
    })
}

fn object(summary: &RequestSummary) -> Value {
    json!({
        "id": summary.id,
        "object": "request",
        "status": summary.stage.as_str(),
        "endpoint": summary.lane.endpoint,
        "model": summary.lane.model,
        "batch_id": summary.batch,
        "attempts": summary.attempts,
        "created_at": summary.accepted_at.seconds(),
        "ended_at": summary.ended_at.map(|at| at.seconds()),
    })
}
