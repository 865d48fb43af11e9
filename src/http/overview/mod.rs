//! `/v1/overview`: what is known at a glance. Every number is read from the ledger; no actor and no store is asked.

pub mod numbers;
pub mod problems;
mod timeline;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Query},
};
use batch_gpt_actors::rules::{
    ids::{BatchId, BatchKey},
    overview::{self, Overview},
    timeline::Timeline,
};
use serde_json::{Value, json};

use super::{
    error::HttpError,
    gateway::{Gateway, now},
    page::Paging,
};

/// Batches of an answer when nobody says.
const DEFAULT_LIMIT: usize = 100;
/// Most batches of an answer.
const MAX_LIMIT: usize = 1_000;
/// Most lanes of an answer.
const LANES: usize = 1_000;

/// `GET /v1/overview`: a tenant sees its own numbers, an administrator everybody's.
pub async fn overview(request: HttpRequest, gateway: Data<Gateway>) -> Result<HttpResponse, HttpError> {
    let tenant = gateway.scope(&request)?;
    let system = gateway.system()?;
    let (now, ledger) = (now(), &system.ledger);
    let known = ledger.read(|tally| Overview::of(tally, tenant.as_ref(), now));
    let lanes: Vec<Value> =
        known.lanes.iter().take(LANES).map(|(lane, tally)| numbers::lane(lane, tally, now)).collect();
    Ok(HttpResponse::Ok().json(json!({
        "object": "overview",
        "tenant": tenant,
        "at": now.0,
        "since": ledger.since.0,
        "version": env!("CARGO_PKG_VERSION"),
        "requests": numbers::counts(&known.sum.counts),
        "lanes": lanes,
        "batches": { "under_way": known.batches, "settled": known.sum.settled },
        "turnaround": {
            "request": numbers::times(&known.sum.request_times),
            "batch": numbers::times(&known.sum.batch_times),
        },
        "spending": numbers::spending(&known.sum.spending),
        "cache": {
            "hits": known.sum.cached.priced + known.sum.cached.unpriced,
            "saved_nano_dollars": known.sum.cached.batch().map(|money| money.nano_dollars()),
        },
        "prices": { "source": ledger.prices.source, "as_of": ledger.prices.as_of, "currency": "USD" },
        "problems": problems::of(system, &known, tenant.is_none()),
    })))
}

/// `GET /v1/overview/batches`: the timelines of the batches that are not settled, and of the latest that are.
pub async fn batches(
    request: HttpRequest,
    paging: Query<Paging>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    let tenant = gateway.scope(&request)?;
    let limit = paging.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    let found = gateway.system()?.ledger.read(|tally| overview::batches(tally, tenant.as_ref(), limit));
    let now = now();
    let data: Vec<Value> = found.iter().map(|batch| timeline::view(batch, now)).collect();
    Ok(HttpResponse::Ok().json(json!({ "object": "list", "data": data })))
}

/// `GET /v1/overview/batches/{id}`: one of them, by the upstream's id or by the gateway's own key.
pub async fn batch(
    request: HttpRequest,
    id: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, HttpError> {
    let tenant = gateway.scope(&request)?;
    let found = known(&gateway, &id)?.filter(|batch| tenant.is_none_or(|tenant| tenant == batch.lane.tenant));
    let batch = found.ok_or_else(|| HttpError::not_found(format!("No batch found with id '{id}'.")))?;
    Ok(HttpResponse::Ok().json(timeline::view(&batch, now())))
}

/// A batch that the ledger knows, by the upstream's id or by the gateway's own key.
pub fn known(gateway: &Gateway, id: &str) -> Result<Option<Timeline>, HttpError> {
    Ok(gateway.system()?.ledger.read(|tally| match id.parse::<BatchKey>() {
        Ok(key) => tally.batch(&key).cloned(),
        Err(_) => tally.batch_by_id(&BatchId::from(id)).cloned(),
    }))
}
