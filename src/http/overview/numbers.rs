//! Counts, times and money as JSON. Money is in billionths of a dollar; an unknown amount is null, never 0.

use batch_gpt_actors::rules::{
    expectation::{Awaited, Expectation},
    histogram::Histogram,
    lane::Lane,
    price::Money,
    spending::Spending,
    tally::{Counts, LaneTally},
    time::{Millis, Timestamp},
};
use serde_json::{Value, json};

/// Requests by state. The first three are under way, and none of them is in two.
pub fn counts(counts: &Counts) -> Value {
    json!({
        "open": counts.open.saturating_sub(counts.waiting),
        "waiting": counts.waiting,
        "in_batch": counts.in_batch,
        "accepted": counts.accepted,
        "answered": counts.answered,
        "failed": counts.failed,
        "given_back": counts.given_back,
        "withdrawn": counts.withdrawn,
    })
}

/// A lane.
pub fn lane(lane: &Lane, tally: &LaneTally, now: Timestamp) -> Value {
    json!({
        "tenant": lane.tenant,
        "endpoint": lane.endpoint,
        "model": lane.model,
        "requests": counts(&tally.counts),
        "window_ends_at": tally.window.map(|ends| ends.0),
        "window_left_ms": tally.window.map(|ends| ends.since(now).0),
        "spending": spending(&tally.spending),
    })
}

/// How long things took, in seconds.
pub fn times(times: &Histogram) -> Value {
    let seconds = |percent| times.quantile(percent).map(|span| span.0 as f64 / 1000.0);
    json!({
        "count": times.count(),
        "p50_seconds": seconds(50),
        "p90_seconds": seconds(90),
        "p99_seconds": seconds(99),
    })
}

/// Why a request waits, and how much longer it usually takes. Times are in seconds.
pub fn wait(wait: &Expectation, now: Timestamp) -> Value {
    let seconds = |span: Millis| span.0 as f64 / 1000.0;
    let (awaited, window, batch) = match wait.awaited {
        Awaited::Window(ends) => ("window", Some(ends.since(now)), None),
        Awaited::Room => ("room", None, None),
        Awaited::Submission => ("submission", None, None),
        Awaited::Batch(status) => ("batch", None, status),
    };
    json!({
        "for": awaited,
        "window_left_seconds": window.map(seconds),
        "batch_status": batch,
        "waited_seconds": seconds(wait.waited),
        "p50_seconds": wait.usual.map(seconds),
        "p90_seconds": wait.long.map(seconds),
        "expected_seconds": wait.left().map(seconds),
    })
}

/// Tokens and money.
pub fn spending(spending: &Spending) -> Value {
    let nano = |money: Option<Money>| money.map(Money::nano_dollars);
    json!({
        "tokens": spending.usage,
        "batch_nano_dollars": nano(spending.batch()),
        "real_time_nano_dollars": nano(spending.real_time()),
        "saved_nano_dollars": nano(spending.saved()),
        "priced_answers": spending.priced,
        "unpriced_answers": spending.unpriced,
        "batch_price_assumed": spending.assumed,
    })
}
