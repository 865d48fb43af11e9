//! `GET /metrics`: the numbers in the text format of Prometheus. Labels have few values: never a model, a tenant, a
//! request or a batch.

mod actors;
mod exposition;
mod work;

use actix_web::{HttpRequest, HttpResponse, web::Data};

use super::{
    error::HttpError,
    gateway::{Gateway, now},
};
use exposition::Exposition;

/// The media type that scrapers expect.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// For administrators.
pub async fn metrics(request: HttpRequest, gateway: Data<Gateway>) -> Result<HttpResponse, HttpError> {
    gateway.administrators_only(&request)?;
    let system = gateway.system()?;
    let mut text = Exposition::default();
    text.gauge("batch_gpt_build_info", "The version that runs.")
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    work::write(&mut text, system, now());
    actors::write(&mut text, &system.board);
    door(&mut text, &gateway);
    Ok(HttpResponse::Ok().content_type(TEXT).body(text.finish()))
}

/// What goes in and out at the front.
fn door(text: &mut Exposition, gateway: &Gateway) {
    let clients = gateway.clients.occupancy();
    text.gauge("batch_gpt_permits", "Requests whose clients may wait at the same time.")
        .sample(&[], clients.limit);
    text.gauge("batch_gpt_permits_taken", "Requests whose clients wait now.").sample(&[], clients.open);
    text.gauge("batch_gpt_draining", "1 while the gateway stops and takes no new request.")
        .sample(&[], u8::from(gateway.is_draining()));
    text.counter(
        "batch_gpt_http_responses_total",
        "Responses that were begun, by route and class of status.",
    );
    for (route, class, count) in gateway.traffic.read() {
        text.sample(&[("route", &route), ("status", class)], count);
    }
}
