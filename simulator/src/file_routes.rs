//! The calls about files.

use std::convert::Infallible;

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload, ReqData, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::stream;

use crate::error::ApiError;
use crate::file::{Project, RESULT_PURPOSE, StoredFile};
use crate::gate::method_not_allowed;
use crate::injection::refusal;
use crate::page::{Listed, PageQuery};
use crate::upload::Upload;
use crate::world::World;

const DEFAULT_LIMIT: usize = 10_000;
/// Bytes of a file that leave in one piece.
const BLOCK: usize = 128 << 10;

pub(crate) fn configure(service: &mut ServiceConfig) {
    service
        .service(
            resource("/v1/files").get(list).post(upload).default_service(method_not_allowed("GET, POST")),
        )
        .service(
            resource("/v1/files/{id}")
                .get(retrieve)
                .delete(delete)
                .default_service(method_not_allowed("GET, DELETE")),
        )
        .service(resource("/v1/files/{id}/content").get(content).default_service(method_not_allowed("GET")));
}

async fn upload(
    world: Data<World>,
    project: ReqData<Project>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let (max_bytes, error_detail) = {
        let state = world.lock();
        (state.limits.max_upload_bytes, state.knobs.upload_error_detail)
    };
    let upload = Upload::read(&request, payload, max_bytes, error_detail).await?;
    let file = StoredFile {
        id: world.identifiers.next("file-"),
        project: *project,
        purpose: upload.purpose,
        filename: upload.filename,
        content: upload.content,
        created_ms: world.clock.now_ms(),
        late_ms: 0,
        expires_after: upload.expires_after,
    };
    let response = HttpResponse::Ok().json(file.view());
    let mut state = world.lock();
    state.ledger.uploads += 1;
    state.files.add(file);
    Ok(response)
}

async fn list(
    world: Data<World>,
    project: ReqData<Project>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let query = PageQuery::read(request.query_string())?;
    let limit = query.limit(DEFAULT_LIMIT, 1..=DEFAULT_LIMIT)?;
    let newest_first = query.newest_first()?;
    let state = world.lock();
    let wanted = |file: &&StoredFile| query.purpose.as_ref().is_none_or(|purpose| *purpose == file.purpose);
    let mut files: Vec<_> = state.files.list(*project, world.clock.now_ms()).filter(wanted).collect();
    if newest_first {
        files.reverse();
    }
    let listed = files.into_iter().map(|file| Listed { id: &file.id, object: file });
    let page = query.cut(limit, listed, |file| serde_json::to_value(file.view()), no_such_file)?;
    Ok(HttpResponse::Ok().json(page))
}

async fn retrieve(
    world: Data<World>,
    project: ReqData<Project>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let state = world.lock();
    let file = state.files.get(*project, &id, world.clock.now_ms()).ok_or_else(|| no_such_file(&id))?;
    Ok(HttpResponse::Ok().json(file.view()))
}

async fn delete(
    world: Data<World>,
    project: ReqData<Project>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    if !world.lock().files.delete(*project, &id, world.clock.now_ms()) {
        return Err(no_such_file(&id));
    }
    Ok(HttpResponse::Ok().json(serde_json::json!({ "id": *id, "object": "file", "deleted": true })))
}

async fn content(
    world: Data<World>,
    project: ReqData<Project>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let now_ms = world.clock.now_ms();
    let mut state = world.lock();
    let file = state.files.get(*project, &id, now_ms).ok_or_else(|| no_such_file(&id))?;
    let readable = file.created_ms.saturating_add(state.faults.content_lag_ms.max(file.late_ms));
    if file.purpose == RESULT_PURPOSE && now_ms < readable {
        state.ledger.count_fault("content_lag");
        return match StatusCode::from_u16(state.faults.content_lag_status) {
            Ok(status) if status != StatusCode::NOT_FOUND => Ok(refusal(status)),
            _ => Err(no_such_file(&id)),
        };
    }
    if !file.is_downloadable() {
        let message = format!("Not allowed to download files of purpose: {}", file.purpose);
        return Err(ApiError::invalid(message));
    }
    let content = file.content.clone();
    let body = SizedStream::new(content.len() as u64, stream::iter(blocks(content)));
    Ok(HttpResponse::Ok().content_type("application/octet-stream").body(body))
}

/// A body in one piece would be copied as a whole before any of it leaves.
fn blocks(mut content: Bytes) -> impl Iterator<Item = Result<Bytes, Infallible>> {
    std::iter::from_fn(move || {
        let block = content.split_to(content.len().min(BLOCK));
        (!block.is_empty()).then_some(Ok(block))
    })
}

fn no_such_file(id: &str) -> ApiError {
    ApiError::not_found(format!("No such File object: {id}")).param("id")
}
