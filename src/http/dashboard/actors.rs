//! `/ui/actors`: every actor and its mailbox.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use batch_gpt_actors::{
    meter::Reading,
    permits::Occupancy,
    pool::Balance,
    rules::{ids::BatchKey, time::Millis, timeline::LineCounts},
};
use maud::{Markup, html};

use super::{
    access,
    bar::bar,
    document::{Document, Section},
    elements::{batch_path, id_link, lasting, pill, wide},
    fault::Fault,
};
use crate::{http::gateway::Gateway, terminal::wording::grouped};

/// From so long on a standstill is shown, in milliseconds: a message takes its time.
const STANDSTILL: u64 = 1_000;

/// `GET /ui/actors`
pub async fn page(request: HttpRequest, gateway: Data<Gateway>) -> Result<HttpResponse, Fault> {
    access::allow(&request, &gateway)?;
    let system = gateway.system()?;
    let readings = system.board.readings();
    let main = html! {
        h1 { "Actors" }
        div.columns {
            (places("Requests accepted and not answered", &system.permits.occupancy()))
            (places("Clients that wait", &gateway.clients.occupancy()))
        }
        section {
            h2 { "Mailboxes" }
            (mailboxes(&readings))
        }
        section {
            h2 { "Pools" }
            (pools(&system.balances()))
        }
    };
    Ok(Document { section: Some(Section::Actors), title: "Actors".into(), still: false, main }.respond())
}

fn places(name: &str, occupancy: &Occupancy) -> Markup {
    let Occupancy { open, limit, refused } = *occupancy;
    let counts = LineCounts { total: limit as u64, completed: open as u64, failed: 0 };
    html! {
        section.card {
            h2 { (name) }
            div.progress.places { (bar(counts)) }
            p { strong { (grouped(open as u64)) } " of " (grouped(limit as u64)) " places, "
                (grouped(refused)) " refused" }
        }
    }
}

fn mailboxes(readings: &[Reading]) -> Markup {
    wide(
        "Mailboxes",
        html! {
            table {
                thead { tr {
                    th { "Actor" } th { "State" } th.n { "Waiting" } th.n.minor { "Peak" } th.n { "Handled" }
                    th.n.minor { "Load" } th.n.minor { "Mean wait" } th.n.minor { "Longest wait" } th.n { "Panics" }
                    th { "Busy with" }
                } }
                tbody { @for reading in readings { (mailbox(reading)) } }
            }
        },
    )
}

fn mailbox(reading: &Reading) -> Markup {
    let mean = reading.waited_us.checked_div(reading.handled).unwrap_or(0);
    html! {
        tr #(format!("row-{}-{}", reading.kind, reading.shard)) {
            td { (reading.kind) " " (shard(&reading.shard)) }
            td {
                (pill(reading.state))
                @if reading.stands_still_for_ms >= STANDSTILL {
                    " " span.pill.bad { "still for " (lasting(Millis(reading.stands_still_for_ms))) }
                }
            }
            td.n { (grouped(reading.depth)) }
            td.n.minor { (grouped(reading.peak)) }
            td.n { (grouped(reading.handled)) }
            td.n.minor { (grouped(reading.load)) }
            td.n.minor { (micros(mean)) }
            td.n.minor { (micros(reading.waited_longest_us)) }
            td.n { (grouped(reading.panics)) }
            td { (reading.busy_with.unwrap_or("–")) }
        }
    }
}

/// A number in a pool, or the key of a batch.
fn shard(shard: &str) -> Markup {
    match shard.parse::<BatchKey>() {
        Ok(_) => id_link(&batch_path(shard), shard),
        Err(_) => html! { span.id { (shard) } },
    }
}

/// Waits are short as a rule.
fn micros(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => lasting(Millis(micros / 1_000)),
    }
}

fn pools(pools: &[Balance]) -> Markup {
    wide(
        "Pools",
        html! {
            table {
                thead { tr { th { "Kind" } th.n { "Size" } th.minor { "Handled by each" } th.n { "Imbalance" } } }
                tbody { @for pool in pools { tr {
                    td { (pool.kind) }
                    td.n { (pool.size) }
                    td.minor { (pool.handled.iter().map(|count| grouped(*count)).collect::<Vec<_>>().join(", ")) }
                    td.n { (format!("{:.2}", pool.imbalance)) }
                } } }
            }
        },
    )
}
