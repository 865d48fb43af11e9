//! `/ui/batches`: the batches that are under way, those with failures, or all there are.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Query},
};
use batch_gpt_actors::{
    ports::StoredBatch,
    rules::{overview, timeline::Timeline, upstream_batch::UpstreamBatch},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    access,
    document::{Document, Section},
    elements::segment,
    fault::Fault,
    listed::{self, Row},
};
use crate::http::{
    batches,
    gateway::{Gateway, now},
    page::Paging,
};

/// Batches of a page.
const SHOWN: usize = 25;

/// Which batches are asked for. Whoever follows no link of the page gets all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum View {
    #[default]
    All,
    Active,
    Failures,
    #[serde(other)]
    Unknown,
}

const VIEWS: [(View, &str, &str); 3] = [
    (View::All, "/ui/batches", "All"),
    (View::Active, "/ui/batches?view=active", "Under way"),
    (View::Failures, "/ui/batches?view=failures", "With failures"),
];

/// See [`View`].
#[derive(Debug, Deserialize)]
pub struct Choice {
    #[serde(default)]
    view: View,
}

/// `GET /ui/batches`
pub async fn page(
    request: HttpRequest,
    choice: Query<Choice>,
    paging: Query<Paging>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    access::allow(&request, &gateway)?;
    let now = now();
    let ledger = &gateway.system()?.ledger;
    let known = |such: fn(&Timeline) -> bool| {
        let batches = ledger.read(|tally| overview::batches(tally, None, usize::MAX));
        batches.iter().filter(|batch| such(batch)).map(|batch| Row::known(batch, now)).collect::<Vec<_>>()
    };
    let (rows, next) = match choice.view {
        View::Active => (known(|batch| !batch.is_settled()), None),
        View::Failures => (known(has_failures), None),
        View::All | View::Unknown => {
            // What does not exist upstream yet is in no listing, and stands above all that does.
            let mut rows = match paging.after() {
                None => known(|batch| batch.id.is_none()),
                Some(_) => Vec::new(),
            };
            let listing = batches::page_of(&gateway, None, paging.after(), SHOWN).await?;
            let next = listing.items.last().filter(|_| listing.has_more).and_then(id);
            let stored = |batch: &StoredBatch| ledger.read(|tally| Row::stored(batch, tally, now));
            rows.extend(listing.items.iter().filter_map(stored));
            (rows, next)
        }
    };
    let main = html! {
        h1 { "Batches" }
        nav.tabs aria-label="Which batches" {
            @for (view, path, name) in VIEWS {
                a href=(path) aria-current=[(view == choice.view).then_some("true")] { (name) }
            }
        }
        @if rows.is_empty() { (nothing(choice.view)) } @else { (listed::table(&rows, now)) }
        nav.pages aria-label="Pages of the list" {
            @if paging.after().is_some() { a href="/ui/batches" { "Newest" } }
            @if let Some(next) = next { a href={ "/ui/batches?after=" (segment(&next)) } { "Older" } }
        }
    };
    Ok(Document { section: Some(Section::Batches), title: "Batches".into(), still: false, main }.respond())
}

fn has_failures(batch: &Timeline) -> bool {
    let ended_badly = matches!(batch.word(), "failed" | "expired" | "cancelled");
    batch.progress().failed > 0 || batch.given_back > 0 || ended_badly
}

fn id(batch: &StoredBatch) -> Option<String> {
    UpstreamBatch::parse(batch.object.get()).ok().map(|object| object.id.to_string())
}

fn nothing(view: View) -> Markup {
    let (words, hint) = match view {
        View::Active => ("No batch is under way", "One is made when a window of a lane ends."),
        View::Failures => {
            ("No batch has failures", "Of those that are under way, and of the latest that have ended.")
        }
        View::All | View::Unknown => {
            ("No batches yet", "The first one is made a few seconds after the first call.")
        }
    };
    html! { section.card.empty { h2 { (words) } p { (hint) } } }
}
