//! Room for outcomes on the disk, in files without a name.

use std::{
    fs::File,
    io::{self, ErrorKind, IoSlice, Seek, SeekFrom, Write},
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use batch_gpt_actors::ports::{Spill, SpillFault, Spills};
use bytes::Bytes;

use crate::store::Location;

/// Small batches never come to the disk.
const BEGINS_AFTER: usize = 1 << 20;

/// Makes such files in one folder.
pub(crate) struct TemporaryFiles {
    folder: Arc<Path>,
}

impl TemporaryFiles {
    /// Beside the journal, where that is in a folder, or else where the system keeps temporary files.
    pub(crate) fn beside(store: &Location) -> Self {
        let folder: PathBuf = match store {
            Location::Embedded { folder } => folder.clone(),
            Location::Mongo { .. } => std::env::temp_dir(),
        };
        Self { folder: folder.into() }
    }
}

impl Spills for TemporaryFiles {
    fn begins_after(&self) -> usize {
        BEGINS_AFTER
    }

    fn begin(&self) -> Arc<dyn Spill> {
        Arc::new(Temporary(Arc::new(Opened { folder: self.folder.clone(), file: OnceLock::new() })))
    }
}

struct Temporary(Arc<Opened>);

/// A file that is made when the first body comes.
struct Opened {
    folder: Arc<Path>,
    file: OnceLock<File>,
}

impl Opened {
    fn file(&self) -> io::Result<&File> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        // The folder does not show it, and the system removes it with its last handle.
        let file = tempfile::tempfile_in(&self.folder)?;
        Ok(self.file.get_or_init(|| file))
    }

    fn put(&self, at: u64, bodies: &[Bytes]) -> io::Result<()> {
        let mut file = self.file()?;
        file.seek(SeekFrom::Start(at))?;
        let mut slices: Vec<_> = bodies.iter().map(|body| IoSlice::new(body)).collect();
        let mut rest = slices.as_mut_slice();
        // It drops empty ones at the front, which a writing of nothing would stop at.
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            match file.write_vectored(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn get(&self, places: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
        let lengths = places.iter().map(|place| usize::try_from(place.end.saturating_sub(place.start)));
        let lengths = lengths.collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
        let mut read = vec![0; lengths.iter().sum()];
        let file = self.file()?;
        let mut rest = read.as_mut_slice();
        for neighbours in places.chunk_by(|one, next| one.end == next.start) {
            let (Some(first), Some(last)) = (neighbours.first(), neighbours.last()) else {
                continue;
            };
            let length = usize::try_from(last.end - first.start).map_err(io::Error::other)?;
            let (now, later) = rest.split_at_mut(length);
            file.read_exact_at(now, first.start)?;
            rest = later;
        }
        let mut read = Bytes::from(read);
        Ok(lengths.into_iter().map(|length| read.split_to(length)).collect())
    }
}

#[async_trait]
impl Spill for Temporary {
    async fn put(&self, at: u64, bodies: Vec<Bytes>) -> Result<(), SpillFault> {
        let opened = self.0.clone();
        aside(move || opened.put(at, &bodies)).await
    }

    async fn get(&self, places: Vec<Range<u64>>) -> Result<Vec<Bytes>, SpillFault> {
        let opened = self.0.clone();
        aside(move || opened.get(&places)).await
    }
}

/// Runs what may wait for a disk on a thread where that holds nobody up.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, SpillFault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| SpillFault(error.to_string())),
        Err(gone) => Err(SpillFault(gone.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spill(folder: &Path) -> Arc<dyn Spill> {
        TemporaryFiles::beside(&Location::Embedded { folder: folder.to_owned() }).begin()
    }

    #[tokio::test]
    async fn bodies_come_back_in_any_order_and_no_file_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let spill = spill(folder.path());
        spill.put(0, vec!["one".into(), "".into(), "three".into()]).await.unwrap();
        spill.put(8, vec!["four".into()]).await.unwrap();
        let found = spill.get(vec![8..12, 0..3, 3..3, 3..8]).await.unwrap();
        assert_eq!(found, ["four", "one", "", "three"]);
        assert!(spill.get(Vec::new()).await.unwrap().is_empty());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    /// More than a system writes in one call.
    #[tokio::test]
    async fn many_bodies_go_in_one_put() {
        let folder = tempfile::tempdir().unwrap();
        let spill = spill(folder.path());
        let bodies: Vec<Bytes> =
            (0..5_000).map(|number| "x".repeat(number % 7).into_bytes().into()).collect();
        spill.put(0, bodies.clone()).await.unwrap();
        let mut end = 0;
        let places = bodies.iter().map(|body| {
            let start = end;
            end += body.len() as u64;
            start..end
        });
        assert_eq!(spill.get(places.collect()).await.unwrap(), bodies);
        spill.put(end, vec![Bytes::new()]).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_not_there_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let spill = spill(folder.path());
        spill.put(0, vec!["one".into()]).await.unwrap();
        assert!(spill.get(vec![0..3, 3..9]).await.is_err());
        let nowhere = self::spill(&folder.path().join("nowhere"));
        assert!(nowhere.put(0, vec!["one".into()]).await.is_err());
    }
}
