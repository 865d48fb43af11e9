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

use super::{
    error::HttpError,
    gateway::Gateway,
    native_batches,
    page::{self, Paging},
    pass_through::upstream_error,
};

/// `GET /v1/batches`
pub async fn list(
    request: HttpRequest,
    paging: Query<Paging>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    let tenant = gateway.scope(&request)?;
    let limit = paging.limit(page::USUAL, page::MOST)?;
    Ok(json(envelope(&page_of(&gateway, tenant, paging.after(), limit).await?)))
}

/// A page of batches that exist upstream, of one tenant or of everybody.
pub async fn page_of(
    gateway: &Gateway,
    tenant: Option<Tenant>,
    after: Option<&str>,
    limit: usize,
) -> Result<Listing<StoredBatch>, HttpError> {
    let page = Page { tenant, after: after.map(BatchId::from), limit };
    let listing = gateway.inquire(&after, |reply| List { page, reply }).await?;
    listing.ok_or_else(|| no_such_batch(after.unwrap_or_default()))
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
    let batch = end(&gateway, tenant, &id).await?;
    Ok(json(batch.raw.get().to_owned()))
}

/// Cancels a batch of a tenant, or of anybody, upstream. Returns how it stands after that.
pub async fn end(gateway: &Gateway, tenant: Option<Tenant>, id: &str) -> Result<UpstreamBatch, HttpError> {
    let stored = find(gateway, tenant, id).await?;
    if let Some(owner) = &stored.native {
        let batch = native_batches::cancel(gateway, owner, BatchId::from(id)).await?;
        return cancellable(&batch).map(|()| batch);
    }
    if let Some(poller) = gateway.system()?.pollers.find(&BatchId::from(id))
        && let Ok(cancelled) = poller.inquire(|reply| Cancel { reply }).await
    {
        let batch = cancelled.map_err(upstream_error)?;
        return cancellable(&batch).map(|()| batch);
    }
    let batch = UpstreamBatch::parse(stored.object.get()).map_err(|_| HttpError::internal())?;
    cancellable(&batch)?;
    match batch.status {
        BatchStatus::Cancelling | BatchStatus::Cancelled => Ok(batch),
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

/// A batch of a tenant, or of anybody, by the upstream's id.
pub async fn find(gateway: &Gateway, tenant: Option<Tenant>, id: &str) -> Result<StoredBatch, HttpError> {
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
