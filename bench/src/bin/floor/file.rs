//! Real files, block by block.

use std::{io::Result, path::Path};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use tokio::{fs::File, io::AsyncReadExt};

/// Bytes of a block.
pub const BLOCK: usize = 256 << 10;

/// How long a file is.
pub async fn length(file: &Path) -> Result<u64> {
    Ok(tokio::fs::metadata(file).await?.len())
}

/// What is in a file.
pub fn blocks(file: File) -> impl Stream<Item = Result<Bytes>> {
    stream::try_unfold(file, |mut file| async move {
        let mut block = BytesMut::with_capacity(BLOCK);
        let read = file.read_buf(&mut block).await?;
        Ok((read > 0).then(|| (block.freeze(), file)))
    })
}
