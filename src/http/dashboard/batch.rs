//! `/ui/batches/{id}`: all about one batch, by the upstream's id or by the gateway's own key.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path, Query},
};
use batch_gpt_actors::{
    ports::{Listing, RequestSummary, StoredBatch},
    rules::{
        failures::Failure,
        ids::{BatchId, FileId},
        spending::Spending,
        time::Timestamp,
        timeline::{LineCounts, Timeline},
        upstream_batch::{BatchStatus, LineError},
    },
    status_logger::ListLines,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    access,
    bar::legend,
    document::{Document, Section},
    elements::{batch_path, cancel_form, fact, money, pill, wide},
    fault::Fault,
    requests,
    timeline::{self, Step},
};
use crate::{
    client::Batch,
    http::{
        batches,
        error::HttpError,
        gateway::{Gateway, now},
        overview,
    },
    terminal::wording::{brief, grouped},
};

/// Requests of a page.
const SHOWN: usize = 25;

/// How many lines are left out.
#[derive(Debug, Deserialize)]
pub struct Place {
    #[serde(default)]
    from: usize,
}

/// What is known of a batch: by the ledger, by the store, or by both.
struct Subject {
    known: Option<Timeline>,
    stored: Option<StoredBatch>,
    /// The upstream's object in the store.
    object: Option<Batch>,
}

/// `GET /ui/batches/{id}`
pub async fn page(
    request: HttpRequest,
    id: Path<String>,
    place: Query<Place>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    access::allow(&request, &gateway)?;
    let subject = Subject::find(&gateway, &id).await?;
    let (now, name) = (now(), subject.name(&id));
    let lines = subject.lines(&gateway, place.from).await?;
    let main = html! {
        (subject.heading(&name))
        div.columns {
            section.card { h2 { "Progress" } (legend(subject.progress())) (subject.rest(now)) (subject.cancel()) }
            section.card { h2 { "Timeline" } (timeline::list(&subject.steps(now))) }
        }
        div.columns {
            section.card { h2 { "Money" } (subject.spending()) }
            section.card { h2 { "Files upstream" } (subject.files()) }
        }
        (subject.failures())
        @if let Some(lines) = lines { (requests_of(&name, &lines, place.from, now)) }
    };
    let title = format!("{} {name}", subject.word().replace('_', " "));
    Ok(Document { section: Some(Section::Batches), title, still: subject.is_still(), main }.respond())
}

impl Subject {
    async fn find(gateway: &Gateway, id: &str) -> Result<Self, HttpError> {
        let known = overview::known(gateway, id)?;
        let upstream = known.as_ref().map_or(Some(id), |known| known.id.as_ref().map(BatchId::as_str));
        let stored = match upstream {
            Some(id) => match batches::find(gateway, None, id).await {
                Err(error) if error.status == StatusCode::NOT_FOUND && known.is_some() => None,
                found => Some(found?),
            },
            None => None,
        };
        let object = stored.as_ref().and_then(|stored| Batch::parse(stored.object.get()).ok());
        Ok(Self { known, stored, object })
    }

    /// The upstream's id where there is one.
    fn name(&self, asked: &str) -> String {
        let known = self.known.as_ref().map(|known| match &known.id {
            Some(id) => id.to_string(),
            None => known.key.to_string(),
        });
        known.or(self.object.as_ref().map(|object| object.id.clone())).unwrap_or_else(|| asked.to_owned())
    }

    fn word(&self) -> &str {
        let told = self.object.as_ref().map(|object| object.status.as_str());
        self.known.as_ref().map(Timeline::word).or(told).unwrap_or("unknown")
    }

    fn is_still(&self) -> bool {
        match (&self.known, &self.object) {
            (Some(known), _) => known.is_settled(),
            (None, object) => object.as_ref().is_none_or(|object| !object.is_running()),
        }
    }

    fn progress(&self) -> LineCounts {
        let told = self.object.as_ref().map(|object| object.counts);
        self.known.as_ref().map(Timeline::progress).or(told).unwrap_or_default()
    }

    fn steps(&self, now: Timestamp) -> Vec<Step> {
        match (&self.known, &self.object) {
            (Some(known), _) => timeline::known(known, now),
            (None, Some(object)) => timeline::told(object, now),
            (None, None) => Vec::new(),
        }
    }

    fn heading(&self, name: &str) -> Markup {
        let lane = self.known.as_ref().map(|known| {
            let lane = &known.lane;
            (lane.model.to_string(), lane.endpoint.to_string(), lane.tenant.to_string())
        });
        let native = self.stored.as_ref().and_then(|stored| stored.native.as_ref());
        let told = self.object.as_ref().map(|object| {
            let tenant = native.map_or_else(|| "–".into(), ToString::to_string);
            (object.model.clone(), object.endpoint.clone(), tenant)
        });
        html! {
            p.over { "Batch" }
            div.title { h1.id { (name) } (pill(self.word())) }
            @if let Some((model, endpoint, tenant)) = lane.or(told) {
                dl.facts {
                    (fact("model", html! { (model) }))
                    (fact("endpoint", html! { (endpoint) }))
                    (fact("tenant", html! { (tenant) }))
                    @if native.is_some() { (fact("made by", html! { "its client itself" })) }
                }
            }
        }
    }

    /// What is left to say of its progress.
    fn rest(&self, now: Timestamp) -> Markup {
        let expires =
            self.object.as_ref().filter(|object| object.is_running()).and_then(|object| object.expires_at);
        let left = expires.map(|expires| brief(expires.saturating_sub(now.seconds())));
        let given_back = self.known.as_ref().map_or(0, |known| known.given_back);
        html! {
            @if let Some(left) = left { p.note { "The upstream gives it up in " (left) "." } }
            @if given_back > 0 {
                p.note { (grouped(given_back)) " of its requests were left without an outcome and went on without it." }
            }
            @if self.known.as_ref().is_some_and(|known| known.is_overdue(now)) {
                p.note.bad { "It takes longer than 24 hours." }
            }
        }
    }

    /// How it is cancelled, while that can be done.
    fn cancel(&self) -> Markup {
        let Some(object) = self.object.as_ref().filter(|object| object.is_running()) else {
            return Markup::default();
        };
        if object.upstream.status == BatchStatus::Cancelling
            || self.known.as_ref().is_some_and(Timeline::is_settled)
        {
            return Markup::default();
        }
        let action = format!("{}/cancel", batch_path(object.upstream.id.as_str()));
        let consequence = "What is answered by then is paid for and delivered. Whoever waits for the rest gets an \
            error, and it is not sent again.";
        cancel_form(&action, "batch", consequence)
    }

    fn spending(&self) -> Markup {
        let Some(spending) = self.known.as_ref().map(|known| &known.spending) else {
            return html! { p.note { "Only what ended since the gateway started is counted." } };
        };
        let Spending { usage, unpriced, .. } = spending;
        html! {
            dl.facts.tall {
                (fact("saved", html! { strong.saved { (money(spending.saved())) } }))
                (fact("paid", html! { (money(spending.batch())) }))
                (fact("in real time", html! { (money(spending.real_time())) }))
                (fact("tokens", html! { (grouped(usage.input)) " in, " (grouped(usage.output)) " out" }))
            }
            @if *unpriced > 0 { p.note { (grouped(*unpriced)) " of its answers have no known price." } }
        }
    }

    fn files(&self) -> Markup {
        let files = match (&self.known, &self.object) {
            (Some(known), _) => [&known.input_file, &known.output_file, &known.error_file],
            (None, Some(object)) => {
                let object = &object.upstream;
                [&object.input_file, &object.output_file, &object.error_file]
            }
            (None, None) => [&None, &None, &None],
        };
        let file = |file: &Option<FileId>| match file {
            Some(file) => html! { code { (file) } },
            None => html! { "–" },
        };
        html! {
            dl.facts.tall {
                @for (name, id) in ["input", "output", "errors"].into_iter().zip(files) { (fact(name, file(id))) }
            }
        }
    }

    /// The errors of its requests by code, and those that the upstream has with the batch itself.
    fn failures(&self) -> Markup {
        let of_requests = self.known.as_ref().map(|known| known.failures.list()).unwrap_or_default();
        let of_batch =
            self.object.as_ref().map(|object| object.upstream.errors.as_slice()).unwrap_or_default();
        html! {
            @if !of_requests.is_empty() { (by_code(&of_requests)) }
            @if !of_batch.is_empty() { (refusals(of_batch)) }
        }
    }

    async fn lines(
        &self,
        gateway: &Gateway,
        from: usize,
    ) -> Result<Option<Listing<RequestSummary>>, HttpError> {
        let of_store = self.stored.as_ref().and_then(|stored| stored.key);
        let Some(key) = self.known.as_ref().map(|known| known.key).or(of_store) else {
            return Ok(None);
        };
        gateway.inquire(&key, |reply| ListLines { key, from, limit: SHOWN, reply }).await.map(Some)
    }
}

fn by_code(failures: &[Failure]) -> Markup {
    html! {
        section {
            h2 { "Errors of its requests" }
            (wide("Errors by code", html! {
                table {
                    thead { tr { th { "Code" } th.n { "Status" } th.n { "Requests" } } }
                    tbody { @for failure in failures { tr {
                        td { code { (failure.code) } }
                        td.n { (failure.status) }
                        td.n { (grouped(failure.count)) }
                    } } }
                }
            }))
        }
    }
}

fn refusals(errors: &[LineError]) -> Markup {
    html! {
        section {
            h2 { "Why the upstream refused it" }
            (wide("Errors of the batch", html! {
                table {
                    thead { tr { th { "Line" } th { "Code" } th { "Message" } } }
                    tbody { @for LineError { line, error } in errors { tr {
                        td { (line.map_or_else(|| "all".into(), grouped)) }
                        td { code { (error.code.as_deref().unwrap_or("–")) } }
                        td.text { (error.message) }
                    } } }
                }
            }))
        }
    }
}

fn requests_of(name: &str, lines: &Listing<RequestSummary>, from: usize, now: Timestamp) -> Markup {
    let path = batch_path(name);
    html! {
        section {
            h2 { "Requests" }
            @if lines.items.is_empty() {
                p.note { "There are none here." }
            } @else {
                (requests::table(&lines.items, false, now))
            }
            nav.pages aria-label="Pages of the requests" {
                @if from > 0 { a href={ (path) "?from=" (from.saturating_sub(SHOWN)) } { "Before" } }
                @if lines.has_more { a href={ (path) "?from=" (from.saturating_add(SHOWN)) } { "After" } }
            }
        }
    }
}
