//! `/`: what is saved, what is under way, and what somebody should see to.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use batch_gpt_actors::{
    ledger::Ledger,
    rules::{
        lane::Lane,
        overview::{self, Overview},
        spending::Spending,
        tally::{Account, LaneTally},
        time::{Millis, Timestamp},
    },
};
use maud::{Markup, html};

use super::{
    access,
    document::{Document, Section},
    elements::{lasting, money, number_of, tile, wide},
    fault::Fault,
    listed::{self, Row},
};
use crate::{
    http::{
        gateway::{Gateway, now},
        overview::problems::{self, Problem},
    },
    terminal::wording::{brief, grouped},
};

/// Batches that are shown.
const BATCHES: usize = 8;
/// Lanes that are shown.
const LANES: usize = 20;

/// `GET /`
pub async fn page(request: HttpRequest, gateway: Data<Gateway>) -> Result<HttpResponse, Fault> {
    access::allow(&request, &gateway)?;
    let (system, now) = (gateway.system()?, now());
    let read = |known: &_| (Overview::of(known, None, now), overview::batches(known, None, BATCHES));
    let (known, batches) = system.ledger.read(read);
    let problems = problems::of(system, &known, true);
    let counts = known.sum.counts;
    let is_new = counts.accepted + counts.open + counts.in_batch == 0 && batches.is_empty();
    let rows: Vec<Row> = batches.iter().map(|batch| Row::known(batch, now)).collect();
    let main = html! {
        h1.quiet { "Overview" }
        (alerts(&problems))
        @if is_new { (welcome(&request)) } @else { (hero(&known.sum, &system.ledger, now)) }
        section.tiles aria-label="Requests" {
            (tile("waiting clients", gateway.clients.occupancy().open as u64, None))
            (tile("queued", counts.open.saturating_sub(counts.waiting), Some("/ui/requests?status=queued")))
            (tile("waiting for room", counts.waiting, Some("/ui/requests?status=queued")))
            (tile("in batches", counts.in_batch, Some("/ui/requests?status=in_batch")))
            (tile("answered", counts.answered, Some("/ui/requests?status=completed")))
            (tile("failed", counts.failed, Some("/ui/requests?status=failed")))
        }
        @if !known.lanes.is_empty() { (lanes(&known.lanes, now)) }
        @if !rows.is_empty() {
            section {
                h2 { "Batches" }
                (listed::table(&rows, now))
                p.more { a href="/ui/batches" { "All batches" } }
            }
        }
    };
    let title = match counts.open + counts.in_batch {
        0 => "Overview".to_owned(),
        under_way => format!("{} under way", grouped(under_way)),
    };
    Ok(Document { section: Some(Section::Overview), title, still: false, main }.respond())
}

fn alerts(problems: &[Problem]) -> Markup {
    html! {
        @if !problems.is_empty() {
            ul.alerts aria-label="Problems" {
                @for problem in problems { li { (problem.message) } }
            }
        }
    }
}

/// Money first: it is what all this is for.
fn hero(sum: &Account, ledger: &Ledger, now: Timestamp) -> Markup {
    let running = now.since(ledger.since);
    html! {
        section.hero {
            div.card.saved {
                h2 { "Saved by batches" }
                p.amount { (money(sum.spending.saved())) }
                p { (paid(&sum.spending)) }
                @if sum.cached.priced > 0 {
                    p { (money(sum.cached.batch())) " more by " (number_of(sum.cached.priced, "answer", "answers"))
                        " out of the cache" }
                }
                p.note {
                    "Since the start " (brief(running.0 / 1000)) " ago, at prices of " (ledger.prices.as_of)
                    @if sum.spending.unpriced > 0 {
                        "; without " (number_of(sum.spending.unpriced, "answer", "answers")) " of unknown price"
                    }
                    @if sum.spending.assumed { "; some batch prices are assumed to be half" }
                    "."
                }
            }
            div.card.times {
                h2 { "From question to answer" }
                dl.pair {
                    (quantile("half within", sum.request_times.quantile(50)))
                    (quantile("nine of ten within", sum.request_times.quantile(90)))
                }
                h2 { "Batches upstream" }
                dl.pair {
                    (quantile("half within", sum.batch_times.quantile(50)))
                    (quantile("nine of ten within", sum.batch_times.quantile(90)))
                }
            }
            div.card.tokens {
                h2 { "Tokens" }
                dl.pair {
                    div { dt { "in" } dd { (grouped(sum.spending.usage.input)) } }
                    div { dt { "out" } dd { (grouped(sum.spending.usage.output)) } }
                }
                @if sum.spending.usage.cached > 0 {
                    p.note { (grouped(sum.spending.usage.cached)) " of those in came out of the upstream's own cache." }
                }
            }
        }
    }
}

fn paid(spending: &Spending) -> Markup {
    html! { "Paid " strong { (money(spending.batch())) } " instead of " (money(spending.real_time())) "." }
}

fn quantile(name: &str, span: Option<Millis>) -> Markup {
    html! { div { dt { (name) } dd { (span.map_or_else(|| "–".into(), lasting)) } } }
}

fn lanes(lanes: &[(Arc<Lane>, LaneTally)], now: Timestamp) -> Markup {
    html! {
        section {
            h2 { "Lanes" }
            (wide("Lanes", html! {
                table {
                    thead { tr {
                        th { "Model" } th.minor { "Endpoint" } th.minor { "Tenant" }
                        th.n { "Queued" } th.n { "In batches" } th.n.minor { "Answered" } th.n.minor { "Next batch" } th.n { "Saved" }
                    } }
                    tbody { @for (lane, tally) in lanes.iter().take(LANES) { tr {
                        td { (lane.model) }
                        td.minor { (lane.endpoint) }
                        td.minor { (lane.tenant) }
                        td.n { (grouped(tally.counts.open)) }
                        td.n { (grouped(tally.counts.in_batch)) }
                        td.n.minor { (grouped(tally.counts.answered)) }
                        td.n.minor { (window(tally, now)) }
                        td.n { (money(tally.spending.saved())) }
                    } } }
                }
            }))
            @if lanes.len() > LANES {
                p.note { "The busiest " (LANES) " of " (grouped(lanes.len() as u64)) "." }
            }
        }
    }
}

fn window(tally: &LaneTally, now: Timestamp) -> String {
    match tally.window {
        Some(ends) => format!("in {}", brief(ends.since(now).0.div_ceil(1000))),
        None => "–".into(),
    }
}

/// What to type when there is nothing to see yet.
fn welcome(request: &HttpRequest) -> Markup {
    let host = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1:8080");
    let base = format!("{}://{host}/v1", request.connection_info().scheme());
    html! {
        section.card.empty {
            h2 { "Nothing has been asked yet" }
            p { "Point a program at this gateway. Its calls are collected for a few seconds and go upstream as one batch." }
            pre { code {
                "from openai import OpenAI\n"
                "client = OpenAI(base_url=\"" (base) "\", timeout=86400)\n"
                "client.chat.completions.create(\n"
                "    model=\"gpt-4o-mini\", messages=[{\"role\": \"user\", \"content\": \"Hello\"}])"
            } }
        }
    }
}
