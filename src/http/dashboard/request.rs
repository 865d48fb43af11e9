//! `/ui/requests/{id}`: one request, why it waits, and what it holds. No other page holds what was asked or answered.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use batch_gpt_actors::{
    ports::{RequestSummary, Standing},
    rules::{
        expectation::{Awaited, Expectation},
        time::Timestamp,
    },
    status_logger::{Bodies, Look},
};
use bytes::Bytes;
use maud::{Markup, html};

use super::{
    access, content,
    document::{Document, Section},
    elements::{ago, batch_path, cancel_form, fact, lasting, moment, pill, request_path},
    fault::Fault,
};
use crate::{
    http::{
        error::HttpError,
        gateway::{Gateway, now},
        requests,
    },
    terminal::wording::brief,
};

/// `GET /ui/requests/{id}`
pub async fn page(
    request: HttpRequest,
    id: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    access::allow(&request, &gateway)?;
    let summary = requests::find(&gateway, None, &id).await?;
    let wait = requests::expectation(&gateway, &summary)?;
    let (asked, answered) = contents(&gateway, &summary).await?;
    let now = now();
    let main = html! {
        p.over { "Request" }
        div.title { h1.id { (summary.id) } (pill(summary.stage.as_str())) }
        (facts(&summary, now))
        @if let Some(wait) = wait { (waiting(&summary, &wait, now)) }
        div.columns {
            @if let Some(asked) = asked { (content::card("Asked", &asked)) }
            @if let Some(answered) = answered { (content::card("Answered", &answered)) }
        }
    };
    let title = format!("{} {}", summary.stage.as_str().replace('_', " "), summary.id);
    let still = summary.stage.is_final();
    Ok(Document { section: Some(Section::Requests), title, still, main }.respond())
}

/// What was asked, and what was answered.
async fn contents(
    gateway: &Gateway,
    summary: &RequestSummary,
) -> Result<(Option<Bytes>, Option<Bytes>), HttpError> {
    let id = summary.id;
    let bodies = gateway.inquire(&id, |reply| Bodies { ids: vec![id], reply }).await?;
    let asked = bodies.into_iter().next().map(|(_, body)| body);
    if !summary.stage.is_final() {
        return Ok((asked, None));
    }
    let stored = gateway.inquire(&id, |reply| Look { id, reply }).await?;
    Ok(match stored.map(|stored| stored.standing) {
        Some(Standing::Answered(outcome)) => (asked, Some(outcome.body)),
        // What somebody had removed may be there for a while yet.
        Some(Standing::Removed) => (None, None),
        Some(Standing::Open | Standing::Sealed | Standing::Withdrawn) | None => (asked, None),
    })
}

fn facts(summary: &RequestSummary, now: Timestamp) -> Markup {
    let RequestSummary { lane, batch, attempts, accepted_at, ended_at, .. } = summary;
    html! {
        dl.facts {
            (fact("model", html! { (lane.model) }))
            (fact("endpoint", html! { (lane.endpoint) }))
            (fact("tenant", html! { (lane.tenant) }))
            (fact("accepted", html! { (moment(*accepted_at)) " (" (ago(*accepted_at, now)) ")" }))
            @if let Some(ended) = ended_at {
                (fact("ended", html! { (moment(*ended)) }))
                (fact("took", html! { (lasting(ended.since(*accepted_at))) }))
            }
            @if let Some(batch) = batch {
                (fact("batch", html! { a.id href=(batch_path(batch.as_str())) { (batch) } }))
            }
            @if *attempts > 0 { (fact("sent before", html! { (attempts) " without an outcome" })) }
        }
    }
}

/// Why it waits, in words.
fn waiting(summary: &RequestSummary, wait: &Expectation, now: Timestamp) -> Markup {
    let action = format!("{}/cancel", request_path(&summary.id.to_string()));
    html! {
        section.card.waiting {
            h2 { "Why it waits" }
            p.amount { (brief(wait.waited.0 / 1000)) span.unit { " so far" } }
            p { (reason(summary, wait.awaited, now)) }
            p { (outlook(wait)) }
            (cancel_form(&action, "request", "Whoever waits for it is told that it was cancelled (410). If it is in a \
                batch already, its line is paid for, and its result ignored."))
        }
    }
}

fn reason(summary: &RequestSummary, awaited: Awaited, now: Timestamp) -> Markup {
    html! {
        @match awaited {
            Awaited::Window(ends) => {
                "Its lane (" (summary.lane.model) ") collects calls for "
                strong { (brief(ends.since(now).0.div_ceil(1000))) } " more; then they go upstream as one batch."
            }
            Awaited::Room => {
                "Its lane (" (summary.lane.model) ") waits until the upstream has room for another batch."
            }
            Awaited::Submission => { "It is on its way into a batch." }
            Awaited::Batch(status) => {
                "It is a line of "
                @match &summary.batch {
                    Some(batch) => { a href=(batch_path(batch.as_str())) { "a batch" } }
                    None => { "a batch" }
                }
                @match status {
                    Some(status) => { ", which is " strong { (status.replace('_', " ")) } " upstream." }
                    None => { ", which is on its way upstream." }
                }
            }
        }
    }
}

/// When its end can be expected.
fn outlook(wait: &Expectation) -> Markup {
    let (Some(usual), Some(long)) = (wait.usual, wait.long) else {
        return html! { "How long that takes is not known yet: no request of this tenant has ended since the start." };
    };
    html! {
        "Half of this tenant’s requests were answered within " (lasting(usual)) ", nine of ten within " (lasting(long)) ". "
        @match wait.left() {
            Some(left) => { "Expect it in about " strong { (lasting(left)) } "." }
            None => { "This one takes longer than those; a batch may take up to 24 hours." }
        }
    }
}
