//! A look at the gateway.

use batch_gpt_actors::rules::ids::BatchId;

use crate::client::{Api, Batch, Fault, Overview, PAGE};

/// Most batches that are looked at, the newest ones.
pub const NEWEST: usize = 1_000;

/// What to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Errand {
    /// Read the list down to this batch; what comes after it cannot have changed. `None`: all of it.
    pub down_to: Option<BatchId>,
    /// Look at this batch itself. What clients made themselves is only looked at upstream when it is asked for.
    pub opened: Option<BatchId>,
    /// Whether the gateway may have numbers of its own.
    pub overview: bool,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The list, newest first.
    pub batches: Vec<Batch>,
    /// Whether it goes on below, and that part was left out because it is known.
    pub goes_on: bool,
    /// Whether there are others, which were left out because they are too many.
    pub has_more: bool,
    /// The batch that was looked at itself.
    pub opened: Option<Box<Batch>>,
    /// The gateway's own numbers.
    pub overview: Option<Overview>,
}

/// Looks.
pub async fn read(api: &Api, errand: &Errand) -> Result<Reading, Fault> {
    let (mut batches, mut has_more, mut goes_on) = (Vec::<Batch>::new(), true, false);
    while has_more && !goes_on && batches.len() < NEWEST {
        let after = batches.last().map(|batch| batch.upstream.id.to_string());
        let page = api.page(after.as_deref(), PAGE).await?;
        let found = errand.down_to.as_ref();
        goes_on = page.batches.iter().any(|batch| Some(&batch.upstream.id) == found);
        batches.extend(page.batches);
        has_more = page.has_more;
    }
    api.name_models(&mut batches).await?;
    let mut opened = match &errand.opened {
        Some(id) => match api.batch(id.as_str()).await {
            // The list knows it, so that it is shown as it was last seen.
            Err(Fault::Refused(..)) => None,
            looked => Some(Box::new(looked?)),
        },
        None => None,
    };
    if let Some(opened) = &mut opened {
        api.name_models(std::slice::from_mut(&mut **opened)).await?;
    }
    let overview = if errand.overview { api.overview().await? } else { None };
    Ok(Reading { batches, goes_on, has_more, opened, overview })
}
