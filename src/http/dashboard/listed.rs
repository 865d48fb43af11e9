//! Batches as rows of a table.

use batch_gpt_actors::{
    ports::StoredBatch,
    rules::{
        price::Money,
        tally::Tally,
        time::{Millis, Timestamp},
        timeline::{LineCounts, Timeline},
    },
};
use maud::{Markup, html};

use super::{
    bar::bar,
    elements::{ago, batch_path, id_link, lasting, money, pill, wide},
};
use crate::{client::Batch, terminal::wording::grouped};

/// One batch.
pub struct Row {
    id: String,
    model: String,
    tenant: String,
    status: String,
    overdue: bool,
    progress: LineCounts,
    began: Timestamp,
    took: Option<Millis>,
    /// Nothing if the ledger does not know the batch.
    saved: Option<Option<Money>>,
}

impl Row {
    /// A batch that the ledger knows.
    pub fn known(batch: &Timeline, now: Timestamp) -> Self {
        let ended = batch.steps(now).last().filter(|_| batch.is_settled()).map(|step| step.at);
        Self {
            id: batch.id.as_ref().map_or_else(|| batch.key.to_string(), |id| id.to_string()),
            model: batch.lane.model.to_string(),
            tenant: batch.lane.tenant.to_string(),
            status: batch.word().into(),
            overdue: batch.is_overdue(now),
            progress: batch.progress(),
            began: batch.sealed_at(),
            took: ended.map(|ended| ended.since(batch.sealed_at())),
            saved: Some(batch.spending.saved()),
        }
    }

    /// A batch of the store, by what the ledger knows of it or by the upstream's own object; nothing if that is none.
    pub fn stored(batch: &StoredBatch, tally: &Tally, now: Timestamp) -> Option<Self> {
        if let Some(known) = batch.key.and_then(|key| tally.batch(&key)) {
            return Some(Self::known(known, now));
        }
        let object = Batch::parse(batch.object.get()).ok()?;
        Some(Self {
            model: object.model.clone(),
            tenant: batch.native.as_ref().map_or_else(|| "–".into(), ToString::to_string),
            status: object.upstream.status.as_str().into(),
            overdue: false,
            progress: object.counts,
            began: Timestamp(object.upstream.created_at.saturating_mul(1000)),
            took: object.took().map(Millis::from_secs),
            saved: None,
            id: object.id,
        })
    }
}

/// The table.
pub fn table(rows: &[Row], now: Timestamp) -> Markup {
    wide(
        "Batches",
        html! {
            table.batches {
                thead { tr {
                    th { "Batch" } th { "Status" } th.progress { "Progress" } th.n { "Requests" } th.minor { "Model" }
                    th.minor { "Tenant" } th.n.minor { "Began" } th.n.minor { "Took" } th.n.minor { "Saved" }
                } }
                tbody { @for row in rows { (one(row, now)) } }
            }
        },
    )
}

fn one(row: &Row, now: Timestamp) -> Markup {
    html! {
        tr #(format!("row-{}", row.id)) {
            td { (id_link(&batch_path(&row.id), &row.id)) }
            td { (pill(&row.status)) @if row.overdue { " " span.pill.bad { "overdue" } } }
            td.progress { (bar(row.progress)) }
            td.n { (done(row.progress)) }
            td.minor { (row.model) }
            td.minor { (row.tenant) }
            td.n.minor { (ago(row.began, now)) }
            td.n.minor { (row.took.map_or_else(|| "–".into(), lasting)) }
            td.n.minor { (row.saved.map_or_else(|| "–".into(), money)) }
        }
    }
}

/// All of them where all are done, and otherwise how many of how many.
fn done(progress: LineCounts) -> String {
    match progress.left() {
        0 => grouped(progress.total),
        left => format!("{} / {}", grouped(progress.total - left), grouped(progress.total)),
    }
}
