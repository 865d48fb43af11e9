//! The calls about batches.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path, ReqData, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};

use crate::batch::{Batch, Status};
use crate::batch_error::BatchError;
use crate::create::CreateRequest;
use crate::error::ApiError;
use crate::fault::Stage;
use crate::file::Project;
use crate::gate::method_not_allowed;
use crate::operation::Operation;
use crate::page::{Listed, PageQuery};
use crate::world::{State, World};

const HOUR_MS: u64 = 3_600_000;

pub(crate) fn configure(service: &mut ServiceConfig) {
    service
        .service(
            resource("/v1/batches").get(list).post(create).default_service(method_not_allowed("GET, POST")),
        )
        .service(resource("/v1/batches/{id}").get(retrieve).default_service(method_not_allowed("GET")))
        .service(
            resource("/v1/batches/{id}/cancel").post(cancel).default_service(method_not_allowed("POST")),
        );
}

async fn create(
    world: Data<World>,
    project: ReqData<Project>,
    body: Result<Bytes, actix_web::Error>,
) -> Result<HttpResponse, ApiError> {
    let body = body.map_err(|cause| ApiError::unreadable_body(&cause))?;
    let request = CreateRequest::read(&body)?;
    let now_ms = world.clock.now_ms();
    let mut state = world.lock();
    state.check_input_file(&request, *project, now_ms)?;
    state.count_creation(now_ms)?;
    let fate = state.draw_fate(world.seed);
    if fate.loses_file && state.knobs.missing_file_refused_at_create {
        return Err(missing_file(&request.input_file_id));
    }
    let position = state.add_batch(world.identifiers.next("batch_"), *project, request, fate, now_ms);
    state.respond(position, now_ms, false)
}

async fn list(
    world: Data<World>,
    project: ReqData<Project>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let query = PageQuery::read(request.query_string())?;
    let limit = query.limit(20, 1..=100)?;
    let now_ms = world.clock.now_ms();
    let state = world.lock();
    let own =
        state.batches.iter().rev().filter(|batch| batch.project == *project && state.lists(batch, now_ms));
    let listed = own.map(|batch| Listed { id: &batch.id, object: batch });
    let render = |batch: &Batch| batch.render(now_ms, &state.timing, &state.knobs);
    let page = query.cut(limit, listed, render, no_such_batch)?;
    Ok(HttpResponse::Ok().json(page))
}

async fn retrieve(
    world: Data<World>,
    project: ReqData<Project>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let mut state = world.lock();
    state.ledger.retrieves += 1;
    let now_ms = world.clock.now_ms();
    let position = state.find_batch(*project, &id, now_ms)?;
    let batch = state.batches.get(position);
    let lag_ms = state.faults.retrieve_lag_ms;
    let hidden = |batch: &Batch| now_ms < batch.times.created.saturating_add(lag_ms.max(batch.fate.late_ms));
    if batch.is_some_and(hidden) {
        state.ledger.count_fault("retrieve_lag");
        return Err(no_such_batch(&id));
    }
    let stale = batch.is_some_and(|batch| batch.earlier().is_some())
        && state.draw(world.seed, Operation::RetrieveBatch, Stage::View).is_some();
    state.respond(position, now_ms, stale)
}

async fn cancel(
    world: Data<World>,
    project: ReqData<Project>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let now_ms = world.clock.now_ms();
    let mut state = world.lock();
    let position = state.find_batch(*project, &id, now_ms)?;
    let early = state.knobs.cancel_while_validating;
    if let Some(batch) = state.batches.get_mut(position) {
        match batch.status {
            Status::Cancelling | Status::Cancelled => {}
            Status::Validating if !early => return Err(cannot_cancel(batch.status)),
            Status::Validating | Status::InProgress | Status::Finalizing => {
                batch.status = Status::Cancelling;
                batch.times.cancelling = Some(now_ms);
            }
            Status::Completed | Status::Failed | Status::Expired => return Err(cannot_cancel(batch.status)),
        }
    }
    state.schedule(position);
    state.respond(position, now_ms, false)
}

impl State {
    /// The position of a batch the project may see.
    fn find_batch(&self, project: Project, id: &str, now_ms: u64) -> Result<usize, ApiError> {
        let position = self.positions.get(id).copied();
        let own = |position: &usize| {
            self.batches
                .get(*position)
                .is_some_and(|batch| batch.project == project && !self.is_gone(batch, now_ms))
        };
        position.filter(own).ok_or_else(|| no_such_batch(id))
    }

    /// Whether the batch ended longer ago than batches are kept (contract, case 74).
    fn is_gone(&self, batch: &Batch, now_ms: u64) -> bool {
        let retention = self.limits.batch_retention_seconds;
        let ended = batch.times.ended();
        retention
            .zip(ended)
            .is_some_and(|(seconds, ended)| ended.saturating_add(seconds.saturating_mul(1000)) <= now_ms)
    }

    /// Whether listings show the batch.
    fn lists(&self, batch: &Batch, now_ms: u64) -> bool {
        let visible = batch.times.created.saturating_add(self.faults.list_lag_ms);
        visible <= now_ms && !self.is_gone(batch, now_ms)
    }

    fn respond(&self, position: usize, now_ms: u64, stale: bool) -> Result<HttpResponse, ApiError> {
        let batch = self.batches.get(position);
        let batch = batch.ok_or_else(|| ApiError::internal(&"a batch is not at its position"))?;
        let value = if stale {
            batch.render_earlier(now_ms, &self.timing, &self.knobs)
        } else {
            batch.render(now_ms, &self.timing, &self.knobs)
        }
        .map_err(|cause| ApiError::internal(&cause))?;
        Ok(HttpResponse::Ok().json(value))
    }

    /// The faults of an input file that are found at once; a file that does not exist fails the batch later
    /// unless the knob says otherwise (contract, case 23).
    fn check_input_file(
        &self,
        request: &CreateRequest,
        project: Project,
        now_ms: u64,
    ) -> Result<(), ApiError> {
        let Some(file) = self.files.get(project, &request.input_file_id, now_ms) else {
            if self.knobs.missing_file_refused_at_create {
                return Err(missing_file(&request.input_file_id));
            }
            return Ok(());
        };
        if file.purpose != "batch" {
            let message = format!("Invalid file purpose '{}': expected 'batch'.", file.purpose);
            return Err(ApiError::invalid(message).param("input_file_id").code("invalid_value"));
        }
        if file.content.len() as u64 > self.limits.max_bytes {
            return Err(ApiError::invalid("File is too large.").param("input_file_id"));
        }
        Ok(())
    }

    /// Enters a creation in the count of the last hour, unless the count is full (contract, case 24).
    fn count_creation(&mut self, now_ms: u64) -> Result<(), ApiError> {
        while self.creations.front().is_some_and(|&created| created.saturating_add(HOUR_MS) <= now_ms) {
            self.creations.pop_front();
        }
        if self.creations.len() >= self.limits.creations_per_hour {
            let free =
                self.creations.front().map_or(HOUR_MS, |created| created.saturating_add(HOUR_MS) - now_ms);
            let message =
                format!("Rate limit reached: {} batch creations per hour.", self.limits.creations_per_hour);
            return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, message)
                .kind("requests")
                .code("rate_limit_exceeded")
                .retry_after(free.div_ceil(1000).max(1)));
        }
        self.creations.push_back(now_ms);
        Ok(())
    }
}

fn missing_file(id: &str) -> ApiError {
    ApiError::invalid(BatchError::no_file(id).message()).param("file_id").code("invalid_request")
}

fn no_such_batch(id: &str) -> ApiError {
    ApiError::not_found(format!("No batch found with id '{id}'."))
}

fn cannot_cancel(status: Status) -> ApiError {
    let message = format!("Cannot cancel a batch with status '{}'.", status.name());
    ApiError::new(StatusCode::CONFLICT, message)
}
