//! `/ui/requests`: what was asked, newest first, by how far it has come.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Query},
};
use batch_gpt_actors::{
    ports::RequestSummary,
    rules::{stage::Stage, time::Timestamp},
};
use maud::{Markup, html};

use super::{
    access,
    document::{Document, Section},
    elements::{ago, batch_path, id_link, lasting, pill, request_path, wide},
    fault::Fault,
};
use crate::http::{
    gateway::{Gateway, now},
    page::Paging,
    requests::{self, Choice},
};

/// Requests of a page.
const SHOWN: usize = 50;

/// `GET /ui/requests`
pub async fn page(
    request: HttpRequest,
    choice: Query<Choice>,
    paging: Query<Paging>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    access::allow(&request, &gateway)?;
    let (stage, now) = (choice.stage()?, now());
    let listing = requests::page_of(&gateway, None, stage, paging.after(), SHOWN).await?;
    let here = path(stage);
    let more = if stage.is_some() { "&" } else { "?" };
    let main = html! {
        h1 { "Requests" }
        nav.tabs aria-label="Which requests" {
            @for one in [None].into_iter().chain(Stage::ALL.map(Some)) {
                a href=(path(one)) aria-current=[(one == stage).then_some("true")] { (name(one)) }
            }
        }
        @if listing.items.is_empty() {
            section.card.empty { h2 { "No such requests" } p { "Newer ones stand at the top as they come." } }
        } @else {
            (table(&listing.items, true, now))
        }
        nav.pages aria-label="Pages of the list" {
            @if paging.after().is_some() { a href=(here) { "Newest" } }
            @if let Some(last) = listing.items.last().filter(|_| listing.has_more) {
                a href={ (here) (more) "after=" (last.id) } { "Older" }
            }
        }
    };
    Ok(Document { section: Some(Section::Requests), title: "Requests".into(), still: false, main }.respond())
}

fn path(stage: Option<Stage>) -> String {
    stage.map_or_else(|| "/ui/requests".into(), |stage| format!("/ui/requests?status={}", stage.as_str()))
}

fn name(stage: Option<Stage>) -> String {
    stage.map_or_else(|| "all".into(), |stage| stage.as_str().replace('_', " "))
}

/// Requests as a table; their batches are named if the table stands elsewhere than on the page of one.
pub fn table(requests: &[RequestSummary], elsewhere: bool, now: Timestamp) -> Markup {
    wide(
        "Requests",
        html! {
            table {
                thead { tr {
                    th { "Request" } th { "Status" } th.minor { "Model" } th.minor { "Endpoint" } th.minor { "Tenant" }
                    @if elsewhere { th.minor { "Batch" } }
                    th.n { "Accepted" } th.n.minor { "Took" }
                } }
                tbody { @for request in requests { (row(request, elsewhere, now)) } }
            }
        },
    )
}

fn row(request: &RequestSummary, elsewhere: bool, now: Timestamp) -> Markup {
    let id = request.id.to_string();
    let took = request.ended_at.map(|ended| ended.since(request.accepted_at));
    html! {
        tr #(format!("row-{id}")) {
            td { (id_link(&request_path(&id), &id)) }
            td { (pill(request.stage.as_str())) }
            td.minor { (request.lane.model) }
            td.minor { (request.lane.endpoint) }
            td.minor { (request.lane.tenant) }
            @if elsewhere { td.minor { (batch_of(request)) } }
            td.n { (ago(request.accepted_at, now)) }
            td.n.minor { (took.map_or_else(|| "–".into(), lasting)) }
        }
    }
}

fn batch_of(request: &RequestSummary) -> Markup {
    match &request.batch {
        Some(batch) => id_link(&batch_path(batch.as_str()), batch.as_str()),
        None => html! { "–" },
    }
}
