//! Unfinished batches of the original batch-gpt: watched to their end, and their answers kept where it kept them.
//!
//! Nobody waits for them here: the original's clients are gone. A line's `custom_id` is the SHA-256 of its request,
//! which is what the answer is kept under.

use std::{collections::HashMap, sync::Arc};

use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    links::{Kind, Links},
    ports::{CachedResponse, Pieces, Store},
    rules::{
        fault::Fault,
        ids::BatchId,
        lines::Lines,
        retry::{self, Next},
        time::Millis,
        upstream_batch::UpstreamBatch,
    },
};

/// Answers that are kept in one piece.
const PIECE: usize = 250;

#[derive(Deserialize)]
struct Asked {
    custom_id: String,
    body: Box<RawValue>,
}

#[derive(Deserialize)]
struct Answered {
    custom_id: String,
    response: Option<Response>,
}

#[derive(Deserialize)]
struct Response {
    status_code: u16,
    body: Box<RawValue>,
}

/// Brings one inherited batch to its end, however long that takes. A batch that the upstream does not know any more
/// is given up after the usual patience.
pub(crate) async fn take_up(links: Arc<Links>, store: Arc<dyn Store>, batch: UpstreamBatch) {
    let id = batch.id.clone();
    log::info!("{id}: taken up from the original's history, {}", batch.status.as_str());
    match watch(&links, &store, &id).await {
        Ok(answers) => log::info!("{id}: its {answers} answers are kept"),
        Err(fault) => log::error!("{id}: given up: {fault}"),
    }
}

async fn watch(links: &Links, store: &Arc<dyn Store>, id: &BatchId) -> Result<usize, Fault> {
    let seed =
        u64::from_le_bytes(std::array::from_fn(|at| id.as_str().bytes().rev().nth(at).unwrap_or_default()));
    for polls in 0u32.. {
        let seen = patiently(links, seed, || async {
            links.call(Kind::Read, |upstream| async move { upstream.retrieve(id).await }).await
        })
        .await?;
        if seen.status.is_terminal() {
            return end(links, store, &seen, seed).await;
        }
        let observed = patiently(links, seed, || observe(links, store, &seen)).await;
        observed?;
        let until = links.calling.polling.next(links.clock.now(), polls, seed);
        tokio::time::sleep_until(links.clock.instant(until)).await;
    }
    Ok(0)
}

/// Keeps the answers first: after its last status is noted, nobody looks at the batch again.
async fn end(
    links: &Links,
    store: &Arc<dyn Store>,
    batch: &UpstreamBatch,
    seed: u64,
) -> Result<usize, Fault> {
    let kept = patiently(links, seed, || keep_answers(links, store, batch)).await?;
    patiently(links, seed, || observe(links, store, batch)).await?;
    Ok(kept)
}

async fn observe(links: &Links, store: &Arc<dyn Store>, batch: &UpstreamBatch) -> Result<(), Fault> {
    let noted = store.observe_inherited(batch, links.clock.now()).await;
    noted.map_err(|fault| Fault::Transient(fault.to_string()))
}

async fn keep_answers(links: &Links, store: &Arc<dyn Store>, batch: &UpstreamBatch) -> Result<usize, Fault> {
    let (Some(input), Some(output)) = (&batch.input_file, &batch.output_file) else {
        return Ok(0);
    };
    let _turn = links.transfer().await;
    let mut requests: HashMap<String, Arc<RawValue>> = HashMap::new();
    each_line(links.upstream.content(input).await?, |line| {
        if let Ok(asked) = serde_json::from_slice::<Asked>(line) {
            requests.insert(asked.custom_id, asked.body.into());
        }
    })
    .await?;
    let mut answers = Vec::new();
    each_line(links.upstream.content(output).await?, |line| {
        let Ok(Answered { custom_id: hash, response: Some(response) }) = serde_json::from_slice(line) else {
            return;
        };
        if let (200, Some(request)) = (response.status_code, requests.get(&hash).cloned()) {
            let (response, at) = (response.body.into(), links.clock.now());
            answers.push(CachedResponse { hash, request, response, at });
        }
    })
    .await?;
    for piece in answers.chunks(PIECE) {
        let kept = store.cache_responses(piece).await;
        kept.map_err(|fault| Fault::Transient(fault.to_string()))?;
    }
    Ok(answers.len())
}

async fn each_line(mut pieces: Pieces, mut take: impl FnMut(&[u8])) -> Result<(), Fault> {
    let mut lines = Lines::default();
    while let Some(piece) = pieces.next().await {
        lines.push(piece?);
        while let Some(line) = lines.next_line() {
            take(&line);
        }
    }
    if let Some(last) = lines.finish() {
        take(&last);
    }
    Ok(())
}

/// Makes a call until it goes well. A refusal may pass, too: the batch is there, and paid for.
async fn patiently<T, F>(links: &Links, seed: u64, call: impl Fn() -> F) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let began = links.clock.now();
    for attempt in 1u32.. {
        let fault = match call().await {
            Ok(done) => return Ok(done),
            Err(Fault::Permanent { status, error }) => {
                Fault::Transient(format!("refused with {status}: {}", error.message))
            }
            Err(fault) => fault,
        };
        let elapsed: Millis = links.clock.now().since(began);
        match retry::next(&fault, attempt, elapsed, seed) {
            Next::Again(pause) | Next::Look(pause) => tokio::time::sleep(pause.into()).await,
            Next::GiveUp => return Err(fault),
        }
    }
    Err(Fault::Transient("the attempts ran out".into()))
}
