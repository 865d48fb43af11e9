//! Requests without what they hold, one or a page of them.

use batch_gpt_actors::{
    ports::{Listing, RequestPage, RequestSummary},
    rules::{
        ids::{BatchId, BatchKey, RequestId},
        stage::Stage,
    },
};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::{
    super::{
        lines,
        state::{self, fate},
    },
    commit::id_bytes,
    fault::Failure,
    read::{Lanes, number, time},
};

const SELECT: &str = "SELECT requests.id, requests.lane, state, fate, attempts, accepted_at, ended_at, upstream_id \
    FROM requests";
const WITH_BATCH: &str = "LEFT JOIN batches ON batches.id = requests.batch";

/// Behind this, everything stands: a blob longer than an id, and with the highest bytes.
const FIRST_PAGE: [u8; 17] = [0xff; 17];

/// A request of a tenant, or of anybody.
const PLACE: &str = "SELECT 1 FROM requests WHERE id = ?1 AND (?2 IS NULL OR tenant = ?2)";

/// A part of a batch's lines: so many bytes, from one on that is counted from 1.
pub(super) const LINES: &str = "SELECT substr(requests, ?2, ?3) FROM batches JOIN lines ON lines.batch = batches.id \
    WHERE key = ?1";

/// The statement for a page. Each walks an index of its own: what is pending is few, and so is what did not end well;
/// what did is most of the rest. The words of a partial index are repeated, or else the planner would not use it.
fn statement(stage: Option<Stage>, of_tenant: bool) -> String {
    let pending =
        |state: i32| ("INDEXED BY requests_pending", format!("ended_at IS NULL AND state = {state}"));
    let (index, such) = match stage {
        None => ("", "TRUE".into()),
        Some(Stage::Queued) => pending(state::OPEN),
        Some(Stage::InBatch) => pending(state::SEALED),
        Some(Stage::Completed) => ("", format!("state >= {} AND fate IS NULL", state::ANSWERED)),
        Some(Stage::Failed) => ("", format!("fate = {}", fate::FAILED)),
        Some(Stage::Cancelled) => ("", format!("fate = {}", fate::CANCELLED)),
        Some(Stage::Withdrawn) => ("", format!("fate = {}", fate::WITHDRAWN)),
    };
    let own = if of_tenant { "requests.tenant = :tenant" } else { ":tenant IS NULL" };
    format!(
        "{SELECT} {index} {WITH_BATCH} WHERE {such} AND {own} AND requests.id < :behind \
         ORDER BY requests.id DESC LIMIT :limit"
    )
}

/// One request.
pub(super) fn summary(connection: &Connection, id: RequestId) -> Result<Option<RequestSummary>, Failure> {
    let mut statement =
        connection.prepare_cached(&format!("{SELECT} {WITH_BATCH} WHERE requests.id = ?1"))?;
    let mut rows = statement.query([id_bytes(id)])?;
    rows.next()?.map(|row| stored(row, &mut Lanes::default(), connection)).transpose()
}

/// A page of requests; `None` where its `after` is not there.
pub(super) fn summaries(
    connection: &Connection,
    page: &RequestPage,
) -> Result<Option<Listing<RequestSummary>>, Failure> {
    let tenant = page.tenant.as_ref().map(|tenant| &*tenant.0);
    let mut behind = FIRST_PAGE.to_vec();
    if let Some(after) = page.after {
        behind = id_bytes(after).to_vec();
        let mut place = connection.prepare_cached(PLACE)?;
        let place = place.query_row((&behind, tenant), |_| Ok(())).optional()?;
        if place.is_none() {
            return Ok(None);
        }
    }
    // One more than asked tells whether there is more.
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut statement = connection.prepare_cached(&statement(page.stage, tenant.is_some()))?;
    let mut rows =
        statement.query(named_params! { ":tenant": tenant, ":behind": behind, ":limit": limit })?;
    let (mut items, mut lanes) = (Vec::new(), Lanes::default());
    while let Some(row) = rows.next()? {
        if items.len() == page.limit {
            return Ok(Some(Listing { items, has_more: true }));
        }
        items.push(stored(row, &mut lanes, connection)?);
    }
    Ok(Some(Listing { items, has_more: false }))
}

/// Requests of a batch, in the order of its lines.
pub(super) fn lines(
    connection: &Connection,
    key: BatchKey,
    from: usize,
    limit: usize,
) -> Result<Listing<RequestSummary>, Failure> {
    let bytes = |lines: usize| i32::try_from(lines.saturating_mul(lines::WIDTH)).unwrap_or(i32::MAX);
    let mut statement = connection.prepare_cached(LINES)?;
    // One more than asked tells whether there is more.
    let (first, length) = (bytes(from).saturating_add(1), bytes(limit.saturating_add(1)));
    let part = params![key.0.to_be_bytes(), first, length];
    let part: Option<Vec<u8>> = statement.query_row(part, |row| row.get(0)).optional()?;
    let cut = || Failure::Damaged("a batch's lines are cut".into());
    let ids = lines::from_bytes(&part.unwrap_or_default()).ok_or_else(cut)?;
    let found = ids.iter().take(limit).map(|id| summary(connection, *id));
    let items = found.filter_map(Result::transpose).collect::<Result<_, _>>()?;
    Ok(Listing { items, has_more: ids.len() > limit })
}

fn stored(row: &Row<'_>, lanes: &mut Lanes, connection: &Connection) -> Result<RequestSummary, Failure> {
    let stage = state::stage(row.get(2)?, row.get(3)?);
    Ok(RequestSummary {
        id: RequestId(number(row, 0)?),
        lane: lanes.get(connection, row.get(1)?)?,
        stage: stage.ok_or_else(|| Failure::Damaged("a request in an unknown state".into()))?,
        batch: row.get::<_, Option<String>>(7)?.map(|id| BatchId(id.into())),
        attempts: row.get(4)?,
        accepted_at: time(row.get(5)?),
        ended_at: row.get::<_, Option<i64>>(6)?.map(time),
    })
}

#[cfg(test)]
mod tests {
    use super::{super::empty::Empty, *};

    #[test]
    fn no_page_walks_the_table() {
        let empty = Empty::new();
        for stage in Stage::ALL.map(Some).into_iter().chain([None]) {
            for of_tenant in [false, true] {
                let index = match (stage, of_tenant) {
                    (Some(Stage::Queued | Stage::InBatch), _) => "requests_pending ",
                    (None | Some(Stage::Completed), false) => "sqlite_autoindex_requests_1 ",
                    (None | Some(Stage::Completed), true) => "requests_of_tenant ",
                    (_, false) => "requests_by_fate ",
                    (_, true) => "requests_by_fate_of_tenant ",
                };
                let query = statement(stage, of_tenant);
                let steps = empty.plan(&query);
                assert!(steps[0].contains(&format!("INDEX {index}")), "{query}: {steps:?}");
                let sorts = steps.iter().any(|step| step.contains("TEMP B-TREE"));
                assert_eq!(sorts, index == "requests_pending ", "{query}: {steps:?}");
            }
        }
    }
}
