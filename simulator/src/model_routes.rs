//! The calls about models.

use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, ServiceConfig, resource};
use serde::Serialize;

use crate::error::ApiError;
use crate::gate::method_not_allowed;
use crate::world::{State, World};

/// Models that are listed before anybody asked for one.
const USUAL: [&str; 5] =
    ["gpt-3.5-turbo-instruct", "gpt-4o", "gpt-4o-mini", "omni-moderation-latest", "text-embedding-3-small"];

/// Creation time of every model, seconds since the Unix epoch.
const CREATED: u64 = 1_700_000_000;

pub(crate) fn configure(service: &mut ServiceConfig) {
    service
        .service(resource("/v1/models").get(list).default_service(method_not_allowed("GET")))
        // The name of a model may contain slashes.
        .service(resource("/v1/models/{id:.+}").get(retrieve).default_service(method_not_allowed("GET")));
}

/// A model as the API shows it.
#[derive(Serialize)]
struct ModelView<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

#[derive(Serialize)]
struct ModelList<'a> {
    object: &'static str,
    data: Vec<ModelView<'a>>,
}

async fn list(world: Data<World>) -> HttpResponse {
    let state = world.lock();
    let data = state.models().into_iter().map(ModelView::of).collect();
    HttpResponse::Ok().json(ModelList { object: "list", data })
}

async fn retrieve(world: Data<World>, id: Path<String>) -> Result<HttpResponse, ApiError> {
    if !world.lock().knobs.supports(&id) {
        let message = format!("The model '{id}' does not exist or you do not have access to it.");
        return Err(ApiError::not_found(message).param("model").code("model_not_found"));
    }
    Ok(HttpResponse::Ok().json(ModelView::of(&id)))
}

impl ModelView<'_> {
    fn of(id: &str) -> ModelView<'_> {
        ModelView { id, object: "model", created: CREATED, owned_by: "simulator" }
    }
}

impl State {
    /// The models the knobs name, or else the usual ones, and all that batches have asked for.
    fn models(&self) -> BTreeSet<&str> {
        let named = self.knobs.models.iter().map(String::as_str);
        let usual = USUAL.into_iter().filter(|_| self.knobs.models.is_empty());
        let asked = self.batches.iter().filter_map(|batch| batch.requested_model.as_deref());
        named.chain(usual).chain(asked).filter(|model| self.knobs.supports(model)).collect()
    }
}
