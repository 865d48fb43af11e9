//! The search for batches, page by page.

use super::Wanted;
use crate::client::{Api, Batch, Fault, PAGE};

/// What a search found, newest first.
pub struct Found {
    /// The batches.
    pub batches: Vec<Batch>,
    /// Whether there may be others.
    pub has_more: bool,
}

/// Looks for batches with one of these statuses (any, if none is named), for at most `limit`, or all if that is 0.
pub async fn find(api: &Api, wanted: &[Wanted], limit: usize) -> Result<Found, Fault> {
    let limit = if limit == 0 { usize::MAX } else { limit };
    let page = if wanted.is_empty() { limit.min(PAGE) } else { PAGE };
    let (mut batches, mut after) = (Vec::new(), None::<String>);
    loop {
        let found = api.page(after.as_deref(), page).await?;
        after = found.batches.last().map(|batch| batch.upstream.id.to_string());
        let fits = |batch: &Batch| wanted.is_empty() || wanted.iter().any(|wanted| wanted.means(batch));
        batches.extend(found.batches.into_iter().filter(fits));
        if batches.len() >= limit || !found.has_more {
            let has_more = found.has_more || batches.len() > limit;
            batches.truncate(limit);
            return Ok(Found { batches, has_more });
        }
    }
}
