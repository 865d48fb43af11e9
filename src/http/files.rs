//! `/v1/files`: passed through, each tenant to its own files.

use std::collections::HashSet;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::ContentType},
    web::{Data, Path, Payload, Query},
};
use batch_gpt_actors::{
    rules::{ids::FileId, lane::Tenant, outcome::ApiError, record::Record},
    status_logger::OwnFiles,
};
use bytes::Bytes;
use futures_util::{StreamExt, future::join, stream};
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    error::HttpError,
    gateway::{Gateway, now},
    page::{self, Paging},
    pass_through::{along, ask, place, response, whole},
    request_body::{announced, passed_on, plain_only, too_large},
};
use crate::upstream::forward::{Errand, Reply};

/// Largest upload, in bytes: 512 MB of file (contract, section 1.1), and room for the form around it.
const LARGEST_UPLOAD: u64 = (512 << 20) + (64 << 10);

/// Files of a page at most, and when nobody says (contract, section 1.1).
const MAX_LIMIT: usize = 10_000;

/// Files asked of the upstream at a time, to find a tenant's own among them.
const SEARCHED: usize = 1_000;

/// Which files are asked for, and in which order (contract, section 1.1).
#[derive(Debug, Deserialize)]
pub struct Choice {
    purpose: Option<String>,
    order: Option<String>,
}

/// The one member of a file object that matters here.
#[derive(Deserialize)]
struct Named {
    id: String,
}

/// `POST /v1/files`: the form goes up as it comes, and the file is the tenant's from then on.
pub async fn upload(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    let tenant = gateway.tenant(&request)?;
    gateway.open()?;
    let _place = gateway.place(&tenant)?;
    plain_only(&request)?;
    let length = announced(&request);
    if length.is_some_and(|length| length > LARGEST_UPLOAD) {
        return Err(too_large(format!("The body is larger than {LARGEST_UPLOAD} bytes.")));
    }
    let mut errand = Errand::new(Method::POST, place(&request));
    along(&request, &mut errand);
    errand.headers.extend(length.map(|length| (reqwest::header::CONTENT_LENGTH, length.into())));
    let (body, fill) = passed_on(payload, LARGEST_UPLOAD, &gateway.limits);
    errand.body = Some(body);
    let (filled, reply) = join(fill, ask(&gateway, errand)).await;
    filled?;
    let reply = reply?;
    if reply.status != 200 {
        return Ok(response(reply));
    }
    let (reply, body) = whole(reply).await?;
    let made: Named = serde_json::from_slice(&body).map_err(|_| HttpError::internal())?;
    let record = Record::FileMade { tenant: tenant.clone(), file: made.id.as_str().into(), at: now() };
    gateway.record(&tenant, record, true).await?;
    Ok(response(Reply { pieces: stream::iter([Ok(body)]).boxed(), ..reply }))
}

/// `GET /v1/files`: the tenant's own; an administrator sees all there are.
pub async fn list(
    request: HttpRequest,
    paging: Query<Paging>,
    choice: Query<Choice>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    let Some(tenant) = gateway.scope(&request)? else {
        return ask(&gateway, Errand::new(Method::GET, place(&request))).await.map(response);
    };
    let limit = paging.limit(MAX_LIMIT, MAX_LIMIT)?;
    if let Some(after) = paging.after() {
        own(&gateway, Some(&tenant), after).await?;
    }
    let mut search =
        Search { choice: choice.into_inner(), after: paging.after().map(Into::into), more: true };
    let mut found = Vec::new();
    while found.len() <= limit
        && let Some(reply) = search.next(&gateway).await?
    {
        if reply.status != 200 {
            return Ok(response(reply));
        }
        let (_, body) = whole(reply).await?;
        found.extend(search.own(&gateway, &tenant, &body).await?);
    }
    let has_more = found.len() > limit;
    found.truncate(limit);
    let items = found.iter().map(|(id, object)| (id.to_string(), object.get()));
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(page::envelope(items, has_more)))
}

/// A walk through the upstream's pages.
struct Search {
    choice: Choice,
    /// The last file seen.
    after: Option<String>,
    /// Whether there may be more.
    more: bool,
}

impl Search {
    /// The next page, if there is one.
    async fn next(&mut self, gateway: &Gateway) -> Result<Option<Reply>, HttpError> {
        if !self.more {
            return Ok(None);
        }
        let mut errand = Errand::new(Method::GET, "/files");
        let Choice { purpose, order } = &self.choice;
        for (name, value) in [("purpose", purpose), ("order", order), ("after", &self.after)] {
            errand.query.extend(value.clone().map(|value| (name, value)));
        }
        errand.query.push(("limit", SEARCHED.to_string()));
        ask(gateway, errand).await.map(Some)
    }

    /// The tenant's files among those of a page.
    async fn own(
        &mut self,
        gateway: &Gateway,
        tenant: &Tenant,
        body: &Bytes,
    ) -> Result<Vec<(FileId, Box<RawValue>)>, HttpError> {
        #[derive(Deserialize)]
        struct Files {
            data: Vec<Box<RawValue>>,
            #[serde(default)]
            has_more: bool,
        }
        let files: Files = serde_json::from_slice(body).map_err(|_| HttpError::internal())?;
        let named = files.data.into_iter().filter_map(|object| {
            let named: Named = serde_json::from_str(object.get()).ok()?;
            Some((FileId(named.id.into()), object))
        });
        let mut named: Vec<_> = named.collect();
        let last = named.last().map(|(id, _)| id.to_string());
        // A server that ignores `after` would have its first page read for ever.
        self.more = files.has_more && last.is_some() && last != self.after;
        self.after = last;
        let (key, tenant) = (tenant.clone(), tenant.clone());
        let ids = named.iter().map(|(id, _)| id.clone()).collect();
        let own = gateway.inquire(&key, |reply| OwnFiles { tenant, files: ids, reply }).await?;
        let own: HashSet<FileId> = own.into_iter().collect();
        named.retain(|(id, _)| own.contains(id));
        Ok(named)
    }
}

/// `GET` and `DELETE /v1/files/{id}`, and `GET /v1/files/{id}/content`.
pub async fn one(
    request: HttpRequest,
    id: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    let tenant = gateway.scope(&request)?;
    own(&gateway, tenant.as_ref(), &id).await?;
    let method = if request.method() == "DELETE" { Method::DELETE } else { Method::GET };
    let mut errand = Errand::new(method, place(&request));
    along(&request, &mut errand);
    ask(&gateway, errand).await.map(response)
}

/// Another tenant's file is not there.
async fn own(gateway: &Gateway, tenant: Option<&Tenant>, id: &str) -> Result<(), HttpError> {
    if gateway.owns(tenant, &FileId::from(id)).await? {
        return Ok(());
    }
    let message = format!("No such File object: {id}");
    let error = ApiError::new("invalid_request_error", None, message).param("id");
    Err(HttpError::new(StatusCode::NOT_FOUND, error))
}
