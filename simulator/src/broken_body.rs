//! Answers that do not arrive as they should.

use std::io;
use std::time::Duration;

use actix_web::body::{BodyStream, BoxBody, SizedStream};
use bytes::Bytes;
use futures_util::stream;
use tokio::time::{Instant, sleep};

/// Pieces in which a body is handed out before it is cut.
const PIECE: usize = 64 * 1024;

/// Time for what was handed out to reach the client before the connection is closed over it.
const GRACE: Duration = Duration::from_millis(50);

/// A body that breaks off after `bytes`, or else after a share of it that `chance` decides (contract, case 67).
pub(crate) fn cut(whole: Bytes, bytes: Option<usize>, chance: f64, chunked: bool) -> BoxBody {
    let length = whole.len() as u64;
    let rest = part(&whole, bytes, chance);
    let pieces = stream::unfold(Some(rest), |rest| async move {
        let mut rest = rest?;
        if rest.is_empty() {
            sleep(GRACE).await;
            let cause = io::Error::new(io::ErrorKind::BrokenPipe, "the answer was cut on purpose");
            return Some((Err(cause), None));
        }
        let piece = rest.split_to(PIECE.min(rest.len()));
        Some((Ok(piece), Some(rest)))
    });
    if chunked {
        BoxBody::new(BodyStream::new(Box::pin(pieces)))
    } else {
        BoxBody::new(SizedStream::new(length, Box::pin(pieces)))
    }
}

/// A body that ends where [`cut`] would break it off, and looks whole.
pub(crate) fn shorten(whole: &Bytes, bytes: Option<usize>, chance: f64, chunked: bool) -> BoxBody {
    let rest = part(whole, bytes, chance);
    if chunked {
        BoxBody::new(BodyStream::new(stream::iter([Ok::<_, io::Error>(rest)])))
    } else {
        BoxBody::new(rest)
    }
}

/// The first `bytes` of a body, or else the share of it that `chance` decides; never all of it.
fn part(whole: &Bytes, bytes: Option<usize>, chance: f64) -> Bytes {
    let at = bytes.unwrap_or((whole.len() as f64 * chance) as usize);
    whole.slice(..at.min(whole.len().saturating_sub(1)))
}

/// A body that comes `bytes` at a time with a pause before each; what is left after `limit` comes at once
/// (contract, case 75).
pub(crate) fn trickle(whole: Bytes, bytes: usize, pause: Duration, limit: Duration) -> BoxBody {
    let length = whole.len() as u64;
    // A limit too far away to be a time is none.
    let patience = Instant::now().checked_add(limit);
    let drops = stream::unfold(whole, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        sleep(pause).await;
        let size = if patience.is_none_or(|patience| Instant::now() < patience) {
            bytes.clamp(1, rest.len())
        } else {
            rest.len()
        };
        let drop = rest.split_to(size);
        Some((Ok::<_, io::Error>(drop), rest))
    });
    BoxBody::new(SizedStream::new(length, Box::pin(drops)))
}
