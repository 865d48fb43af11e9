//! `/livez`, `/readyz` and `/debug/actors`.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Query},
};
use batch_gpt_actors::meter::Reading;
use serde::Deserialize;
use serde_json::json;

use super::{error::HttpError, gateway::Gateway};

/// `GET /livez`: the process answers, and no actor stands still for longer than a heartbeat. Meters say so; a blocked
/// actor could not.
pub async fn livez(gateway: Data<Gateway>) -> HttpResponse {
    let still = gateway.standing_still();
    let mut text: String = still.iter().map(standstill).collect();
    text += if still.is_empty() { "ok\n" } else { "not alive\n" };
    let mut response = if still.is_empty() { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.content_type("text/plain; charset=utf-8").body(text)
}

/// An actor that stands still. What it is called after is no secret: a number, or its batch's key.
fn standstill(actor: &Reading) -> String {
    let Reading { kind, shard, stands_still_for_ms, depth, .. } = actor;
    let busy = actor.busy_with.unwrap_or("nothing");
    format!("[-]{kind} {shard} stands still for {stands_still_for_ms} ms over {busy}, {depth} wait\n")
}

/// How much `/readyz` says.
#[derive(Debug, Deserialize)]
pub struct Detail {
    verbose: Option<String>,
}

/// `GET /readyz`: requests are accepted. `?verbose` says why not.
pub async fn readyz(detail: Query<Detail>, gateway: Data<Gateway>) -> HttpResponse {
    let system = gateway.system();
    let checks = [
        ("journal", system.is_ok()),
        ("store", system.as_ref().is_ok_and(|system| system.store_works())),
        ("not-draining", !gateway.is_draining()),
    ];
    let ready = checks.iter().all(|(_, passed)| *passed);
    let trouble = system.ok().and_then(|system| system.upstream_trouble());
    let mut text = String::new();
    if detail.verbose.is_some() {
        for (name, passed) in checks {
            text += &format!(
                "[{}]{name} {}\n",
                if passed { '+' } else { '-' },
                if passed { "ok" } else { "failed" }
            );
        }
        // What ails the upstream is no reason to send clients elsewhere.
        text += &trouble.map_or("[+]upstream ok\n".into(), |words| format!("[!]upstream {words}\n"));
    }
    text += if ready { "ok\n" } else { "not ready\n" };
    let mut response = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.content_type("text/plain; charset=utf-8").body(text)
}

/// `GET /debug/actors`: every actor and its mailbox. The counts are read, not asked for, so a blocked actor does not
/// hold the answer up.
pub async fn actors(request: HttpRequest, gateway: Data<Gateway>) -> Result<HttpResponse, HttpError> {
    gateway.administrators_only(&request)?;
    let system = gateway.system()?;
    let actors = system.board.entries().await;
    Ok(HttpResponse::Ok().json(json!({
        "actors": actors,
        "pools": system.balances(),
        "open_requests": system.permits.occupancy(),
        "waiting_clients": gateway.clients.occupancy(),
    })))
}
