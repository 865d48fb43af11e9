//! `/batches` (contract, section 1.2).

use batch_gpt_actors::{
    ports::Listing,
    rules::{
        fault::Fault,
        ids::{BatchId, BatchKey, FileId, METADATA_KEY},
        lane::Endpoint,
        upstream_batch::UpstreamBatch,
    },
};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{
    HttpUpstream,
    faults::{Effect, body, senseless},
};

/// Batches of one page: as many as the API gives.
const PAGE: usize = 100;

fn parse(effect: Effect, bytes: &[u8]) -> Result<UpstreamBatch, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|error| senseless(effect, &error))?;
    UpstreamBatch::parse(text).map_err(|error| senseless(effect, &error))
}

pub(super) async fn create(
    upstream: &HttpUpstream,
    file: &FileId,
    endpoint: Endpoint,
    key: BatchKey,
) -> Result<UpstreamBatch, Fault> {
    let mut order = json!({
        "input_file_id": file,
        "endpoint": endpoint,
        "completion_window": "24h",
        "metadata": { METADATA_KEY: key },
    });
    if let Some(seconds) = upstream.files_expire_after {
        order["output_expires_after"] = json!({ "anchor": "created_at", "seconds": seconds });
    }
    let answer = upstream.call(Method::POST, "/batches").json(&order).send().await;
    parse(Effect::Creates, &body(Effect::Creates, answer).await?)
}

pub(super) async fn retrieve(upstream: &HttpUpstream, id: &BatchId) -> Result<UpstreamBatch, Fault> {
    let answer = upstream.call(Method::GET, &format!("/batches/{id}")).send().await;
    parse(Effect::None, &body(Effect::None, answer).await?)
}

/// Cancelling twice does no harm, so a cancellation without an answer may simply be asked for again.
pub(super) async fn cancel(upstream: &HttpUpstream, id: &BatchId) -> Result<UpstreamBatch, Fault> {
    let answer = upstream.call(Method::POST, &format!("/batches/{id}/cancel")).send().await;
    if let Ok(response) = &answer
        && response.status().as_u16() == 409
    {
        // Its state forbids it: the state is the answer, and a repetition would be refused again (7B, 44).
        return retrieve(upstream, id).await;
    }
    parse(Effect::None, &body(Effect::None, answer).await?)
}

pub(super) async fn list(
    upstream: &HttpUpstream,
    after: Option<&BatchId>,
) -> Result<Listing<UpstreamBatch>, Fault> {
    #[derive(Deserialize)]
    struct Page {
        data: Vec<Box<RawValue>>,
        #[serde(default)]
        has_more: bool,
    }
    let mut call = upstream.call(Method::GET, "/batches").query(&[("limit", PAGE)]);
    if let Some(after) = after {
        call = call.query(&[("after", after.as_str())]);
    }
    let bytes = body(Effect::None, call.send().await).await?;
    let page: Page = serde_json::from_slice(&bytes).map_err(|error| senseless(Effect::None, &error))?;
    let items = page.data.iter().filter_map(|raw| UpstreamBatch::parse(raw.get()).ok()).collect();
    Ok(Listing { items, has_more: page.has_more })
}
