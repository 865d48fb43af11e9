//! `/v1/requests`: the gateway's own view of what it was asked.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::ContentType,
    web::{Data, Path, Query},
};
use batch_gpt_actors::{
    collector::CancelRequest,
    ports::{Listing, RequestPage, RequestSummary},
    rules::{
        expectation::Expectation,
        ids::RequestId,
        lane::{Lane, Tenant},
        outcome::ApiError,
        record::Record,
        stage::Stage,
        tally::Tally,
    },
    status_logger::{ListRequests, Summarise},
    sweeper::Sweep,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    error::HttpError,
    gateway::{Gateway, now},
    overview::numbers,
    page::{self, Paging},
};

/// Which requests are asked for.
#[derive(Debug, Default, Deserialize)]
pub struct Choice {
    status: Option<String>,
}

impl Choice {
    /// Those that have come so far; an empty text means all.
    pub fn stage(&self) -> Result<Option<Stage>, HttpError> {
        self.status.as_deref().filter(|word| !word.is_empty()).map(stage).transpose()
    }
}

/// `GET /v1/requests`
pub async fn list(
    request: HttpRequest,
    paging: Query<Paging>,
    choice: Query<Choice>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    let tenant = gateway.scope(&request)?;
    let limit = paging.limit(page::USUAL, page::MOST)?;
    let listing = page_of(&gateway, tenant, choice.stage()?, paging.after(), limit).await?;
    let objects: Vec<(String, String)> =
        listing.items.iter().map(|item| (item.id.to_string(), object(item).to_string())).collect();
    let items = objects.iter().map(|(id, object)| (id.clone(), object.as_str()));
    let body = page::envelope(items, listing.has_more);
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(body))
}

/// A page of requests, of one tenant or of everybody.
pub async fn page_of(
    gateway: &Gateway,
    tenant: Option<Tenant>,
    stage: Option<Stage>,
    after: Option<&str>,
    limit: usize,
) -> Result<Listing<RequestSummary>, HttpError> {
    let missing = || missing(after.unwrap_or_default());
    let after = after.map(|id| id.parse::<RequestId>().map_err(|_| missing())).transpose()?;
    let page = RequestPage { tenant, stage, after, limit };
    gateway.inquire(&after, |reply| ListRequests { page, reply }).await?.ok_or_else(missing)
}

/// `GET /v1/requests/{id}`
pub async fn retrieve(
    request: HttpRequest,
    id: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    let summary = find(&gateway, gateway.scope(&request)?, &id).await?;
    let wait = expectation(&gateway, &summary)?;
    let mut object = object(&summary);
    object["wait"] = wait.map_or(Value::Null, |wait| numbers::wait(&wait, now()));
    Ok(HttpResponse::Ok().json(object))
}

/// Why a request waits and how much longer it usually takes; nothing if it has ended.
pub fn expectation(gateway: &Gateway, summary: &RequestSummary) -> Result<Option<Expectation>, HttpError> {
    let RequestSummary { lane, stage, batch, accepted_at, .. } = summary;
    let of = |tally: &Tally| Expectation::of(tally, lane, *stage, batch.as_ref(), *accepted_at, now());
    Ok(gateway.system()?.ledger.read(of))
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
    let ended = end(&gateway, gateway.scope(&request)?, &id).await?;
    let mut object = object(&ended);
    if purges {
        purge(&gateway, &ended).await?;
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

/// Cancels a request of a tenant, or of anybody. One that has ended stays as it is.
pub async fn end(gateway: &Gateway, tenant: Option<Tenant>, id: &str) -> Result<RequestSummary, HttpError> {
    gateway.open()?;
    let mut summary = find(gateway, tenant.clone(), id).await?;
    if !summary.stage.is_final() {
        cancel(gateway, summary.id, &summary.lane).await?;
        summary = find(gateway, tenant, id).await?;
    }
    if summary.stage.is_final() { Ok(summary) } else { Err(HttpError::stopping()) }
}

/// Gives a request its end, unless it has one. While the gateway stops it may be too late for that.
pub async fn cancel(gateway: &Gateway, id: RequestId, lane: &Arc<Lane>) -> Result<(), HttpError> {
    let collector = gateway.system()?.collectors.by(lane);
    let cancelled = collector.inquire(|reply| CancelRequest { id, lane: lane.clone(), reply }).await;
    cancelled.map_err(|_| HttpError::internal())
}

/// A request of a tenant, or of anybody, by its id.
pub async fn find(gateway: &Gateway, tenant: Option<Tenant>, id: &str) -> Result<RequestSummary, HttpError> {
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
