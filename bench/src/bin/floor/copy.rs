//! Plain copies: what moving the bytes costs whoever does nothing else with them.

use std::{
    error::Error,
    fs,
    io::{Read, Write},
    path::Path,
    time::Instant,
};

use reqwest::{Body, Client, header::CONTENT_LENGTH};
use serde_json::{Value, json};
use tokio::{
    fs::File,
    io::{AsyncWriteExt, BufWriter},
};

use crate::file::{BLOCK, blocks, length};

/// Bytes that are written before each sync.
const SYNCED: usize = 1 << 20;

/// Sends a file to a server.
pub async fn upload(url: &str, file: &Path) -> Result<Value, Box<dyn Error>> {
    let client = Client::builder().no_proxy().build()?;
    let began = Instant::now();
    let bytes = length(file).await?;
    let body = Body::wrap_stream(blocks(File::open(file).await?));
    let request = client.post(url).header(CONTENT_LENGTH, bytes).body(body);
    request.send().await?.error_for_status()?.bytes().await?;
    Ok(report(bytes, began))
}

/// Writes what a server sends into a file.
pub async fn download(url: &str, file: &Path) -> Result<Value, Box<dyn Error>> {
    let client = Client::builder().no_proxy().build()?;
    let began = Instant::now();
    let mut response = client.get(url).send().await?.error_for_status()?;
    let mut file = BufWriter::with_capacity(BLOCK, File::create(file).await?);
    let mut bytes = 0;
    while let Some(piece) = response.chunk().await? {
        file.write_all(&piece).await?;
        bytes += piece.len() as u64;
    }
    file.flush().await?;
    Ok(report(bytes, began))
}

/// Writes so many bytes into a file, from its beginning to its end, and has the disk take each mebibyte before the
/// next.
pub fn land(file: &Path, bytes: u64) -> std::io::Result<Value> {
    let piece = vec![b'x'; SYNCED];
    let began = Instant::now();
    let mut file = fs::File::create(file)?;
    let mut left = bytes;
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(SYNCED);
        file.write_all(piece.get(..size).unwrap_or_default())?;
        file.sync_data()?;
        left -= size as u64;
    }
    Ok(report(bytes, began))
}

/// Reads a file and looks for the ends of its lines.
pub fn scan(file: &Path) -> std::io::Result<Value> {
    let began = Instant::now();
    let (mut file, mut piece) = (fs::File::open(file)?, vec![0; BLOCK]);
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
