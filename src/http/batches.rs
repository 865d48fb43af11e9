//! `/v1/batches`: the batches as last observed, from the store.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::ContentType},
    web::{Data, Path, Query},
};
use batch_gpt_actors::{
    poller::Cancel,
    ports::{Listing, Page, StoredBatch},
    rules::{
        ids::BatchId,
        lane::Tenant,
        outcome::ApiError,
        upstream_batch::{BatchStatus, UpstreamBatch},
    },
    status_logger::{Find, List},
};
use serde::Deserialize;

use super::{error::HttpError, gateway::Gateway, native_batches, page, pass_through::upstream_error};

/// How a page is asked for (contract, section 1.2).
#[derive(Debug, Deserialize)]
pub struct Paging {
    after: Option<String>,
    limit: Option<String>,
}

/// Batches of a page when nobody says.
const DEFAULT_LIMIT: usize = 20;
/// Most batches of a page.
const MAX_LIMIT: usize = 100;

/// `GET /v1/batches`
pub async fn list(
    request: HttpRequest,
    paging: Query<Paging>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    let tenant = gateway.scope(&request)?;
    let limit = page::limit(paging.limit.as_deref(), DEFAULT_LIMIT, MAX_LIMIT)?;
    let after = paging.after.as_deref().filter(|after| !after.is_empty()).map(BatchId::from);
    let page = Page { tenant, after: after.clone(), limit };
    let listing = gateway.inquire(&after, |reply| List { page, reply }).await?;
    let listing = listing.ok_or_else(|| no_such_batch(after.as_ref().map_or("", BatchId::as_str)))?;
    Ok(json(envelope(&listing)))
}

fn envelope(listing: &Listing<StoredBatch>) -> String {
    let items = listing.items.iter().map(|batch| {
        let id = UpstreamBatch::parse(batch.object.get())
            .map_or_else(|_| String::new(), |batch| batch.id.to_string());
        (id, batch.object.get())
    });
    page::envelope(items, listing.has_more)
}

/// `GET /v1/batches/{id}`
pub async fn retrieve(
    request: HttpRequest,
    id: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    let tenant = gateway.scope(&request)?;
    let stored = find(&gateway, tenant, &id).await?;
    let object = match &stored.native {
        Some(owner) => native_batches::refresh(&gateway, owner, &stored).await?,
        None => stored.object,
    };
    Ok(json(object.get().to_owned()))
}

/// `POST /v1/batches/{id}/cancel`
pub async fn cancel(
    request: HttpRequest,
    id: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    let tenant = gateway.scope(&request)?;
    let stored = find(&gateway, tenant, &id).await?;
    if let Some(owner) = &stored.native {
        let batch = native_batches::cancel(&gateway, owner, BatchId::from(id.as_str())).await?;
        return cancellable(&batch).map(|()| json(batch.raw.get().to_owned()));
    }
    if let Some(poller) = gateway.system()?.pollers.find(&BatchId::from(id.as_str()))
        && let Ok(cancelled) = poller.inquire(|reply| Cancel { reply }).await
    {
        let batch = cancelled.map_err(upstream_error)?;
        return cancellable(&batch).map(|()| json(batch.raw.get().to_owned()));
    }
    let batch = UpstreamBatch::parse(stored.object.get()).map_err(|_| HttpError::internal())?;
    cancellable(&batch)?;
    match batch.status {
        BatchStatus::Cancelling | BatchStatus::Cancelled => Ok(json(stored.object.get().to_owned())),
        // Nobody here watches it: it comes from an original installation, or is being taken up this very moment.
        _ => {
            let message = format!("Batch '{}' cannot be cancelled here just now.", batch.id);
            let error = ApiError::new("invalid_request_error", Some("batch_not_watched"), message);
            Err(HttpError::new(StatusCode::CONFLICT, error))
        }
    }
}

/// A batch that has ended otherwise cannot be cancelled (contract, section 1.2).
fn cancellable(batch: &UpstreamBatch) -> Result<(), HttpError> {
    match batch.status {
        BatchStatus::Completed | BatchStatus::Failed | BatchStatus::Expired => {
            let message = format!("Cannot cancel a batch with status '{}'.", batch.status.as_str());
            let error = ApiError::new("invalid_request_error", None, message);
            Err(HttpError::new(StatusCode::CONFLICT, error))
        }
        _ => Ok(()),
    }
}

async fn find(gateway: &Gateway, tenant: Option<Tenant>, id: &str) -> Result<StoredBatch, HttpError> {
    let batch_id = BatchId::from(id);
    let key = batch_id.clone();
    let found = gateway.inquire(&key, |reply| Find { tenant, id: batch_id, reply }).await?;
    found.ok_or_else(|| no_such_batch(id))
}

fn no_such_batch(id: &str) -> HttpError {
    HttpError::not_found(format!("No batch found with id '{id}'."))
}

fn json(body: String) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(body)
}
