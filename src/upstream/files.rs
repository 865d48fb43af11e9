//! `/files` (contract, section 1.1).

use batch_gpt_actors::{
    ports::{Content, Listing, Pieces, UpstreamFile},
    rules::{fault::Fault, ids::FileId},
};
use futures_util::StreamExt;
use reqwest::{
    Body, Method,
    multipart::{Form, Part},
};
use serde::Deserialize;

use super::{
    HttpUpstream, TRANSFER,
    faults::{Effect, body, broken, senseless, success},
};

/// Files of one page.
const PAGE: usize = 1000;

#[derive(Deserialize)]
struct File {
    id: String,
    #[serde(default)]
    filename: String,
    #[serde(default)]
    created_at: f64,
}

pub(super) async fn upload(upstream: &HttpUpstream, name: &str, content: Content) -> Result<FileId, Fault> {
    let part = Part::stream_with_length(Body::wrap_stream(content.pieces), content.length)
        .file_name(name.to_owned())
        .mime_str("application/jsonl")
        .map_err(|error| broken(Effect::Creates, error))?;
    let mut form = Form::new().text("purpose", "batch");
    // Before the file: there are servers that want it there.
    if let Some(seconds) = upstream.files_expire_after {
        form = form.text("expires_after[anchor]", "created_at");
        form = form.text("expires_after[seconds]", seconds.to_string());
    }
    let form = form.part("file", part);
    let answer = upstream.call(Method::POST, "/files").timeout(TRANSFER).multipart(form).send().await;
    let bytes = body(Effect::Creates, answer).await?;
    let file: File = serde_json::from_slice(&bytes).map_err(|error| senseless(Effect::Creates, &error))?;
    Ok(FileId(file.id.into()))
}

pub(super) async fn list(
    upstream: &HttpUpstream,
    after: Option<&FileId>,
) -> Result<Listing<UpstreamFile>, Fault> {
    #[derive(Deserialize)]
    struct Page {
        data: Vec<File>,
        #[serde(default)]
        has_more: bool,
    }
    let mut call = upstream.call(Method::GET, "/files").query(&[("purpose", "batch"), ("order", "desc")]);
    call = call.query(&[("limit", PAGE)]);
    if let Some(after) = after {
        call = call.query(&[("after", after.as_str())]);
    }
    let bytes = body(Effect::None, call.send().await).await?;
    let page: Page = serde_json::from_slice(&bytes).map_err(|error| senseless(Effect::None, &error))?;
    let item = |file: File| UpstreamFile {
        id: FileId(file.id.into()),
        name: file.filename,
        created_at: file.created_at.max(0.0) as u64,
    };
    Ok(Listing { items: page.data.into_iter().map(item).collect(), has_more: page.has_more })
}

/// Downloads a file. A body that ends before its announced length ends in a fault: the HTTP client counts.
pub(super) async fn content(upstream: &HttpUpstream, file: &FileId) -> Result<Pieces, Fault> {
    let call = upstream.call(Method::GET, &format!("/files/{file}/content")).timeout(TRANSFER);
    let response = success(Effect::None, call.send().await).await?;
    Ok(response.bytes_stream().map(|piece| piece.map_err(|error| broken(Effect::None, error))).boxed())
}

/// Removes a file. It may be asked twice: what is not there is told as a 404.
pub(super) async fn remove(upstream: &HttpUpstream, file: &FileId) -> Result<(), Fault> {
    let answer = upstream.call(Method::DELETE, &format!("/files/{file}")).send().await;
    body(Effect::None, answer).await.map(drop)
}
