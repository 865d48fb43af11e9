//! The calls that bring a batch into being upstream.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};

use crate::{
    batch_submitter::Line,
    fail_point::{self, Point},
    links::Links,
    ports::Content,
    rules::{
        batch::Report,
        fault::Fault,
        ids::{BatchKey, FileId, file_name},
        lane::Endpoint,
        lines,
        time::{Millis, Timestamp},
        upstream_batch::UpstreamBatch,
    },
};

/// The upstream's clock and ours may differ: so much older than the sealing may the thing be that is looked for.
const SKEW: Millis = Millis::from_secs(3600);
/// Most pages that one look goes through.
const PAGES: usize = 100;
/// About so many bytes leave in one piece.
const PIECE_BYTES: usize = 64 << 10;

/// Looks for the batch's file, newest first, no further back than its sealing.
pub(crate) async fn find_file(links: &Links, key: BatchKey, sealed_at: Timestamp) -> Result<Report, Fault> {
    let _turn = links.call().await;
    let (name, oldest) = (file_name(key), (sealed_at - SKEW).seconds());
    let mut after: Option<FileId> = None;
    for _ in 0..PAGES {
        let page = links.upstream.list_files(after.as_ref()).await?;
        if let Some(file) = page.items.iter().find(|file| file.name == name) {
            return Ok(Report::FileFound(Some(file.id.clone())));
        }
        match page.items.last() {
            Some(last) if page.has_more && last.created_at >= oldest => after = Some(last.id.clone()),
            _ => break,
        }
    }
    Ok(Report::FileFound(None))
}

/// Looks for batches with this key, newest first, no further back than the sealing.
pub(crate) async fn find_batches(
    links: &Links,
    key: BatchKey,
    sealed_at: Timestamp,
) -> Result<Report, Fault> {
    let _turn = links.call().await;
    let oldest = (sealed_at - SKEW).seconds();
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..PAGES {
        let page = links.upstream.list_batches(after.as_ref()).await?;
        let last = page.items.last().map(|batch| (batch.id.clone(), batch.created_at));
        found.extend(page.items.into_iter().filter(|batch| batch.key == Some(key)));
        match last {
            Some((id, created_at)) if page.has_more && created_at >= oldest => after = Some(id),
            _ => break,
        }
    }
    Ok(Report::BatchesFound(found))
}

/// Uploads the lines, written one by one as the connection takes them.
pub(crate) async fn upload(
    links: &Links,
    key: BatchKey,
    endpoint: Endpoint,
    lines: Arc<[Line]>,
) -> Result<Report, Fault> {
    let _turn = links.transfer().await;
    let around = lines::overhead(endpoint);
    let length = lines.iter().map(|line| around + line.body.len() as u64).sum();
    let content = Content { length, pieces: pieces(endpoint, lines).boxed() };
    let file = links.upstream.upload(&file_name(key), content).await?;
    fail_point::pass(Point::UploadAfter);
    log::info!("{key}: uploaded {length} bytes as {file}");
    Ok(Report::Uploaded(file))
}

fn pieces(endpoint: Endpoint, lines: Arc<[Line]>) -> impl futures_util::Stream<Item = Bytes> + Send {
    stream::unfold((lines, 0), move |(lines, mut at)| async move {
        if at > 0 && at < lines.len() {
            fail_point::pass(Point::UploadMiddle);
        }
        let mut piece = BytesMut::with_capacity(PIECE_BYTES * 5 / 4);
        while let Some(line) = lines.get(at).filter(|_| piece.len() < PIECE_BYTES) {
            lines::write(&mut piece, line.id, endpoint, &line.body);
            at += 1;
        }
        (!piece.is_empty()).then(|| (piece.freeze(), (lines, at)))
    })
}

/// Creates the batch.
pub(crate) async fn create(
    links: &Links,
    key: BatchKey,
    endpoint: Endpoint,
    file: &FileId,
) -> Result<Report, Fault> {
    let _turn = links.call().await;
    let batch = links.upstream.create(file, endpoint, key).await?;
    fail_point::pass(Point::CreateAfter);
    log::info!("{key}: created as {}", batch.id);
    Ok(Report::Created(batch))
}

/// Cancels a second batch with the same key.
pub(crate) async fn cancel_orphan(links: Arc<Links>, key: BatchKey, batch: UpstreamBatch) {
    let _turn = links.call().await;
    let outcome = links.upstream.cancel(&batch.id).await;
    log::error!("{key}: exists twice upstream; cancelling {} gave {outcome:?}", batch.id);
}
