//! Plain copies: what moving the bytes costs whoever does nothing else with them.

use std::{convert::Infallible, fs::File, io::Read, path::Path, time::Instant};

use futures_util::StreamExt;
use reqwest::{Body, Client, Error, header::CONTENT_LENGTH};
use serde_json::{Value, json};

use crate::serve::{PIECE, pieces};

/// Sends so many bytes to a server.
pub async fn upload(url: &str, bytes: u64) -> Result<Value, Error> {
    let client = Client::builder().no_proxy().build()?;
    let body = Body::wrap_stream(pieces(bytes).map(Ok::<_, Infallible>));
    let began = Instant::now();
    let request = client.post(url).header(CONTENT_LENGTH, bytes).body(body);
    request.send().await?.error_for_status()?.bytes().await?;
    Ok(report(bytes, began))
}

/// Reads what a server sends, and drops it.
pub async fn download(url: &str) -> Result<Value, Error> {
    let client = Client::builder().no_proxy().build()?;
    let began = Instant::now();
    let mut response = client.get(url).send().await?.error_for_status()?;
    let mut bytes = 0;
    while let Some(piece) = response.chunk().await? {
        bytes += piece.len() as u64;
    }
    Ok(report(bytes, began))
}

/// Reads a file and looks for the ends of its lines.
pub fn scan(file: &Path) -> std::io::Result<Value> {
    let began = Instant::now();
    let (mut file, mut piece) = (File::open(file)?, vec![0; PIECE]);
    let (mut bytes, mut lines) = (0, 0);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        lines += piece.iter().take(read).filter(|byte| **byte == b'\n').count();
    }
    let mut report = report(bytes, began);
    report["lines"] = json!(lines);
    Ok(report)
}

fn report(bytes: u64, began: Instant) -> Value {
    json!({ "bytes": bytes, "seconds": began.elapsed().as_secs_f64() })
}
