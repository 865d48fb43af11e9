//! The calls that bring a batch into being upstream.

use std::{collections::HashMap, sync::Arc};

use futures_util::StreamExt;

use crate::{
    batch_submitter::Line,
    fail_point::{self, Point},
    links::{Kind, Links},
    outgoing::Lines,
    ports::{Content, Upstream},
    rules::{
        batch::Report,
        fault::Fault,
        ids::{BatchId, BatchKey, FileId, file_name, key_of_file},
        lane::{Endpoint, Lane},
        time::{Millis, Timestamp},
        upstream_batch::UpstreamBatch,
    },
};

/// The upstream's clock and ours may differ: so much older than the sealing may the thing be that is looked for.
const SKEW: Millis = Millis::from_secs(3600);
/// Most pages that one look goes through.
const PAGES: usize = 100;

/// Looks for the batch's file, newest first, no further back than its sealing.
pub(crate) async fn find_file(links: &Links, key: BatchKey, sealed_at: Timestamp) -> Result<Report, Fault> {
    let oldest = (sealed_at - SKEW).seconds();
    let found = links.files.find(key, oldest, |oldest| list_files(links, oldest)).await?;
    Ok(Report::FileFound(found))
}

async fn list_files(links: &Links, oldest: u64) -> Result<HashMap<BatchKey, FileId>, Fault> {
    let (mut found, mut after) = (HashMap::new(), None);
    for _ in 0..PAGES {
        let list = |upstream: Arc<dyn Upstream>| async move { upstream.list_files(after.as_ref()).await };
        let page = links.call(Kind::Read, list).await?;
        let last = page.items.last().map(|file| (file.id.clone(), file.created_at));
        for file in page.items {
            if let Some(key) = key_of_file(&file.name) {
                found.entry(key).or_insert(file.id);
            }
        }
        match last {
            Some((id, created_at)) if page.has_more && created_at >= oldest => after = Some(id),
            _ => break,
        }
    }
    Ok(found)
}

/// Looks for batches with this key, newest first, no further back than the sealing.
pub(crate) async fn find_batches(
    links: &Links,
    key: BatchKey,
    sealed_at: Timestamp,
) -> Result<Report, Fault> {
    let oldest = (sealed_at - SKEW).seconds();
    let found = links.batches.find(key, oldest, |oldest| list_batches(links, oldest)).await?;
    Ok(Report::BatchesFound(found.unwrap_or_default()))
}

async fn list_batches(links: &Links, oldest: u64) -> Result<HashMap<BatchKey, Vec<UpstreamBatch>>, Fault> {
    let (mut found, mut after) = (HashMap::<_, Vec<_>>::new(), None);
    for _ in 0..PAGES {
        let list = |upstream: Arc<dyn Upstream>| async move { upstream.list_batches(after.as_ref()).await };
        let page = links.call(Kind::Read, list).await?;
        let last = page.items.last().map(|batch| (batch.id.clone(), batch.created_at));
        for batch in page.items {
            if let Some(key) = batch.key {
                found.entry(key).or_default().push(batch);
            }
        }
        match last {
            Some((id, created_at)) if page.has_more && created_at >= oldest => after = Some(id),
            _ => break,
        }
    }
    Ok(found)
}

/// Uploads the lines, written piece by piece as the connection takes them.
pub(crate) async fn upload(
    links: &Arc<Links>,
    key: BatchKey,
    lane: &Arc<Lane>,
    lines: Arc<[Line]>,
) -> Result<Report, Fault> {
    let _turn = links.transfer().await;
    let file = Lines { logger: links.loggers.by(lane).clone(), endpoint: lane.endpoint, lines };
    let length = file.length();
    let content = Content { length, pieces: file.pieces().boxed() };
    let name = file_name(key);
    log::info!("{key}: uploading {length} bytes");
    let upload = |upstream: Arc<dyn Upstream>| async move { upstream.upload(&name, content).await };
    let file = links.call(Kind::Upload, upload).await?;
    fail_point::pass(Point::UploadAfter);
    log::info!("{key}: uploaded {length} bytes as {file}");
    Ok(Report::Uploaded(file))
}

/// Creates the batch.
pub(crate) async fn create(
    links: &Links,
    key: BatchKey,
    endpoint: Endpoint,
    file: &FileId,
) -> Result<Report, Fault> {
    let create = |upstream: Arc<dyn Upstream>| async move {
        links.creation()?;
        upstream.create(file, endpoint, key).await
    };
    let batch = links.call(Kind::Create, create).await?;
    fail_point::pass(Point::CreateAfter);
    links.ledger.counters.batches_created.add(1);
    log::info!("{key}: created as {}", batch.id);
    Ok(Report::Created(batch))
}

/// Cancels a batch that must not go on, and tells what came of it.
pub(crate) async fn cancel(links: Arc<Links>, id: BatchId) -> Result<UpstreamBatch, Fault> {
    links.call(Kind::Read, |upstream| async move { upstream.cancel(&id).await }).await
}

/// Cancels a second batch with the same key.
pub(crate) async fn cancel_orphan(links: Arc<Links>, key: BatchKey, batch: UpstreamBatch) {
    links.ledger.counters.batches_orphaned.add(1);
    let outcome = cancel(links, batch.id.clone()).await;
    log::error!("{key}: exists twice upstream; cancelling {} gave {outcome:?}", batch.id);
}
