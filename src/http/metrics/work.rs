//! Requests, batches, calls to the upstream, the store and money.

use batch_gpt_actors::{
    counters::{Counters, Family},
    ledger::Ledger,
    rules::{
        lane::Endpoint,
        overview::Overview,
        price::Money,
        tally::{Counts, Tally},
        time::Timestamp,
    },
    system::System,
};

use super::exposition::{Exposition, decimal};

/// Where a batch can stand before it is settled.
const STANDINGS: [&str; 11] = [
    "sealed",
    "uploaded",
    "validating",
    "in_progress",
    "finalizing",
    "completed",
    "failed",
    "expired",
    "cancelling",
    "cancelled",
    "unknown",
];

/// Everything of which the ledger knows.
pub fn write(text: &mut Exposition, system: &System, now: Timestamp) {
    let ledger = &system.ledger;
    let (known, endpoints) = ledger.read(|tally| (Overview::of(tally, None, now), endpoints(tally)));
    text.gauge("batch_gpt_start_time_seconds", "When the gateway started, in seconds since 1970.")
        .sample(&[], ledger.since.seconds());
    requests(text, &endpoints);
    batches(text, &known);
    money(text, &known);
    promises(text, &ledger.counters);
    upstream(text, system);
    store(text, system, ledger);
}

fn endpoints(tally: &Tally) -> [(&'static str, Counts); 5] {
    Endpoint::ALL.map(|endpoint| (endpoint.path(), tally.endpoint(endpoint)))
}

fn requests(text: &mut Exposition, endpoints: &[(&str, Counts)]) {
    text.gauge(
        "batch_gpt_requests",
        "Requests without an outcome: in a window, waiting for room, in a batch.",
    );
    for (endpoint, counts) in endpoints {
        let open = counts.open.saturating_sub(counts.waiting);
        let states = [("open", open), ("waiting", counts.waiting), ("in_batch", counts.in_batch)];
        for (state, count) in states {
            text.sample(&[("endpoint", endpoint), ("state", state)], count);
        }
    }
    text.counter("batch_gpt_requests_accepted_total", "Requests whose record became durable.");
    for (endpoint, counts) in endpoints {
        text.sample(&[("endpoint", endpoint)], counts.accepted);
    }
    text.counter(
        "batch_gpt_requests_ended_total",
        "Requests that got an answer or an error, or were dropped.",
    );
    for (endpoint, counts) in endpoints {
        let outcomes =
            [("answered", counts.answered), ("failed", counts.failed), ("withdrawn", counts.withdrawn)];
        for (outcome, count) in outcomes {
            text.sample(&[("endpoint", endpoint), ("outcome", outcome)], count);
        }
    }
}

fn batches(text: &mut Exposition, known: &Overview) {
    let windows = known.lanes.iter().filter(|(_, lane)| lane.window.is_some()).count();
    text.gauge("batch_gpt_windows_open", "Lanes whose window is open.").sample(&[], windows);
    text.gauge("batch_gpt_batches", "Batches that are not settled, by where they stand.");
    for standing in STANDINGS {
        text.sample(&[("status", standing)], known.batches.get(standing).unwrap_or(&0));
    }
    text.counter("batch_gpt_batches_settled_total", "Batches with nothing left to do, by how they ended.");
    for standing in STANDINGS {
        text.sample(&[("status", standing)], known.sum.settled.get(standing).unwrap_or(&0));
    }
    text.gauge("batch_gpt_batches_overdue", "Batches that take longer than 24 hours.")
        .sample(&[], known.overdue);
    let help = "From a request's acceptance to its outcome.";
    text.histogram("batch_gpt_request_turnaround_seconds", help, &known.sum.request_times);
    let help = "From a batch's creation to its end upstream.";
    text.histogram("batch_gpt_batch_turnaround_seconds", help, &known.sum.batch_times);
}

fn money(text: &mut Exposition, known: &Overview) {
    let (spending, cached) = (&known.sum.spending, &known.sum.cached);
    text.counter("batch_gpt_tokens_total", "Tokens of answers; the cached ones are part of the input.")
        .sample(&[("kind", "input")], spending.usage.input)
        .sample(&[("kind", "cached_input")], spending.usage.cached)
        .sample(&[("kind", "output")], spending.usage.output);
    let dollars = |money: Option<Money>| decimal(money.unwrap_or_default().nano_dollars().into(), 9);
    text.counter(
        "batch_gpt_cost_dollars_total",
        "What answers with a known price cost, and would have cost.",
    )
    .sample(&[("price", "batch")], dollars(spending.batch()))
    .sample(&[("price", "real_time")], dollars(spending.real_time()));
    text.counter("batch_gpt_saved_dollars_total", "What batches and the cache saved of known prices.")
        .sample(&[("by", "batch")], dollars(spending.saved()))
        .sample(&[("by", "cache")], dollars(cached.batch()));
    text.counter("batch_gpt_unpriced_answers_total", "Answers whose cost is unknown, and in no sum.")
        .sample(&[], spending.unpriced);
}

fn promises(text: &mut Exposition, counters: &Counters) {
    text.counter(
        "batch_gpt_requests_sent_again_total",
        "Requests that their batch gave back, by why it did.",
    );
    family(text, "reason", &counters.sent_again);
    text.counter("batch_gpt_clients_joined_total", "Clients that joined an equal request under way.")
        .sample(&[], counters.joined.get());
    text.counter("batch_gpt_batches_created_total", "Batches that were created upstream.")
        .sample(&[], counters.batches_created.get());
    let help = "Creations made again because no look found the first: paid twice, if it is there after all.";
    text.counter("batch_gpt_batches_created_again_total", help)
        .sample(&[], counters.batches_created_again.get());
    text.counter("batch_gpt_batches_orphaned_total", "Second batches with one key, which were cancelled.")
        .sample(&[], counters.batches_orphaned.get());
    text.counter("batch_gpt_odd_lines_total", "Lines of result files that are nobody's outcome.");
    family(text, "kind", &counters.odd_lines);
    text.counter("batch_gpt_cache_lookups_total", "Look-ups in the cache.")
        .sample(&[("result", "hit")], counters.cache_hits.get())
        .sample(&[("result", "miss")], counters.cache_misses.get());
}

fn upstream(text: &mut Exposition, system: &System) {
    let counters = &system.ledger.counters;
    let kinds = [&counters.uploads, &counters.creations, &counters.removals, &counters.reads];
    text.counter("batch_gpt_upstream_calls_total", "Calls for the gateway's own batches, by how they ended.");
    for calls in kinds {
        for (outcome, count) in calls.outcomes.iter() {
            text.sample(&[("kind", calls.kind), ("outcome", outcome)], count);
        }
    }
    text.counter("batch_gpt_upstream_call_seconds_total", "Time that these calls took.");
    for calls in kinds {
        text.sample(&[("kind", calls.kind)], decimal(calls.took_us.get().into(), 6));
    }
    text.gauge("batch_gpt_upstream_trouble", "1 while calls to the upstream fail or are refused.")
        .sample(&[], u8::from(system.upstream_trouble().is_some()));
}

fn store(text: &mut Exposition, system: &System, ledger: &Ledger) {
    let counters = &ledger.counters;
    text.gauge("batch_gpt_store_up", "1 while the store takes records.")
        .sample(&[], u8::from(system.store_works()));
    text.counter("batch_gpt_store_groups_total", "Groups of records that became durable together.")
        .sample(&[], counters.groups.get());
    text.counter("batch_gpt_store_records_total", "Records in these groups.")
        .sample(&[], counters.records.get());
    text.counter("batch_gpt_store_groups_failed_total", "Groups that the store did not take at once.")
        .sample(&[], counters.groups_failed.get());
    text.counter("batch_gpt_store_swept_total", "What was kept long enough, or purged, and is removed.");
    family(text, "kind", &counters.swept);
    text.gauge("batch_gpt_bodies_in_memory_bytes", "Bodies of requests that are kept in memory.")
        .sample(&[], system.bodies_in_memory());
}

fn family<const N: usize>(text: &mut Exposition, label: &str, counts: &Family<N>) {
    for (name, count) in counts.iter() {
        text.sample(&[(label, name)], count);
    }
}
