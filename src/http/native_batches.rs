//! Batches that clients make themselves: `POST /v1/batches`, and how such a batch stands.

use std::{collections::HashMap, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse, rt,
    web::{Data, Payload},
};
use batch_gpt_actors::{
    ports::StoredBatch,
    rules::{
        ids::{BatchId, FileId, METADATA_KEY},
        lane::Tenant,
        outcome::ApiError,
        record::Record,
        upstream_batch::UpstreamBatch,
    },
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{
    error::HttpError,
    gateway::{Gateway, now},
    pass_through::{along, ask, place, response, upstream_error, whole},
    request_body::{json_only, read},
};
use crate::upstream::forward::{Errand, Reply};

/// `POST /v1/batches`: the order goes up as it is, and the batch is the tenant's from then on.
pub async fn create(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    let tenant = gateway.tenant(&request)?;
    let scope = gateway.scope(&request)?;
    gateway.open()?;
    let _place = gateway.place(&tenant)?;
    json_only(&request)?;
    let order = read(&request, payload, &gateway.limits).await?.freeze();
    if let Some(input) = input(&order)?
        && !gateway.owns(scope.as_ref(), &input).await?
    {
        let message = format!("Cannot find file {input}, or you do not have access to it.");
        let error = ApiError::new("invalid_request_error", Some("invalid_request"), message);
        return Err(HttpError::bad_request(error.param("input_file_id")));
    }
    let mut errand = Errand::new(Method::POST, place(&request));
    along(&request, &mut errand);
    errand.headers.push((reqwest::header::CONTENT_LENGTH, order.len().into()));
    errand.body = Some(stream::iter([Ok(order)]).boxed());
    // A task of its own: what is made must be recorded, even if the client leaves meanwhile.
    let making = rt::spawn(async move { make(&gateway, &tenant, errand).await });
    making.await.unwrap_or_else(|_| Err(HttpError::internal()))
}

/// The file whose lines are ordered. What else is wrong with the order, the upstream will say; only the gateway's own
/// mark is refused here, because by it the gateway finds its own batches again.
fn input(order: &Bytes) -> Result<Option<FileId>, HttpError> {
    #[derive(Deserialize)]
    struct Order {
        #[serde(default)]
        input_file_id: Option<Box<RawValue>>,
        #[serde(default)]
        metadata: Option<Box<RawValue>>,
    }
    let order: Order = serde_json::from_slice(order).map_err(|error| {
        let message = format!("We could not parse the JSON body of your request: {error}.");
        HttpError::bad_request(ApiError::new("invalid_request_error", None, message))
    })?;
    let marks = order
        .metadata
        .and_then(|marks| serde_json::from_str::<HashMap<String, IgnoredAny>>(marks.get()).ok());
    if marks.is_some_and(|marks| marks.contains_key(METADATA_KEY)) {
        let message = format!("Invalid 'metadata': '{METADATA_KEY}' is the gateway's own.");
        let error = ApiError::new("invalid_request_error", Some("invalid_value"), message);
        return Err(HttpError::bad_request(error.param("metadata")));
    }
    let id = order.input_file_id.and_then(|id| serde_json::from_str::<String>(id.get()).ok());
    Ok(id.map(|id| FileId(id.into())))
}

async fn make(gateway: &Gateway, tenant: &Tenant, errand: Errand) -> Result<HttpResponse, HttpError> {
    let reply = ask(gateway, errand).await?;
    if reply.status != 200 {
        return Ok(response(reply));
    }
    let (reply, body) = whole(reply).await?;
    let text = std::str::from_utf8(&body).map_err(|_| HttpError::internal())?;
    let batch = UpstreamBatch::parse(text).map_err(|_| HttpError::internal())?;
    record(gateway, tenant, &batch).await?;
    Ok(response(Reply { pieces: stream::iter([Ok(body)]).boxed(), ..reply }))
}

/// How the batch stands now, for the store as well. A batch that has ended stands as it is stored.
pub async fn refresh(
    gateway: &Gateway,
    owner: &Tenant,
    stored: &StoredBatch,
) -> Result<Arc<RawValue>, HttpError> {
    let last = UpstreamBatch::parse(stored.object.get()).map_err(|_| HttpError::internal())?;
    if last.status.is_terminal() {
        return Ok(stored.object.clone());
    }
    let batch = gateway.forwarder.retrieve(last.id.clone()).await.map_err(upstream_error)?;
    if batch != last {
        record(gateway, owner, &batch).await?;
    }
    Ok(batch.raw)
}

/// Cancels the batch upstream. Returns how it stands after that.
pub async fn cancel(gateway: &Gateway, owner: &Tenant, id: BatchId) -> Result<UpstreamBatch, HttpError> {
    let batch = gateway.forwarder.cancel(id).await.map_err(upstream_error)?;
    record(gateway, owner, &batch).await?;
    Ok(batch)
}

/// The files come first: once the batch stands there with them, nobody looks for them again.
async fn record(gateway: &Gateway, tenant: &Tenant, batch: &UpstreamBatch) -> Result<(), HttpError> {
    let at = now();
    for file in [&batch.output_file, &batch.error_file].into_iter().flatten() {
        let made = Record::FileMade { tenant: tenant.clone(), file: file.clone(), at };
        gateway.record(tenant, made, false).await?;
    }
    let seen = Record::NativeBatch { tenant: tenant.clone(), batch: batch.clone(), at };
    gateway.record(tenant, seen, false).await
}
