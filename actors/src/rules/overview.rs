//! What somebody may know at a glance: everything, or what concerns one tenant.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use super::{
    lane::{Lane, Tenant},
    tally::{Account, LaneTally, Tally},
    time::Timestamp,
    timeline::Timeline,
};

/// A copy of the numbers, made at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// Everything together.
    pub sum: Account,
    /// The lanes: those with the most under way first.
    pub lanes: Vec<(Arc<Lane>, LaneTally)>,
    /// Batches that are not settled, by where they stand.
    pub batches: BTreeMap<&'static str, u64>,
    /// How many of them take longer than they may.
    pub overdue: u64,
}

impl Overview {
    /// What concerns `tenant`; everybody if `None`.
    pub fn of(tally: &Tally, tenant: Option<&Tenant>, now: Timestamp) -> Self {
        let concerns = |of: &Tenant| tenant.is_none_or(|tenant| tenant == of);
        let mut sum = Account::default();
        tally.accounts().filter(|(of, _)| concerns(of)).for_each(|(_, account)| sum += account);
        let lanes = tally.lanes().filter(|(lane, _)| concerns(&lane.tenant));
        let mut lanes: Vec<_> = lanes.map(|(lane, tally)| (lane.clone(), *tally)).collect();
        lanes.sort_by(|(a, a_tally), (b, b_tally)| {
            let under_way = |tally: &LaneTally| Reverse(tally.counts.open + tally.counts.in_batch);
            (under_way(a_tally), a).cmp(&(under_way(b_tally), b))
        });
        let (mut batches, mut overdue) = (BTreeMap::new(), 0);
        for batch in tally.batches().filter(|batch| !batch.is_settled() && concerns(&batch.lane.tenant)) {
            *batches.entry(batch.word()).or_default() += 1;
            overdue += u64::from(batch.is_overdue(now));
        }
        Self { sum, lanes, batches, overdue }
    }
}

/// The batches of `tenant`, everybody's if `None`: those that are not settled first, and the latest first among each.
pub fn batches(tally: &Tally, tenant: Option<&Tenant>, limit: usize) -> Vec<Timeline> {
    let concerns = |batch: &&Timeline| tenant.is_none_or(|tenant| *tenant == batch.lane.tenant);
    let mut found: Vec<&Timeline> = tally.batches().filter(concerns).collect();
    found.sort_by_key(|batch| (batch.is_settled(), Reverse((batch.sealed_at(), batch.key))));
    found.into_iter().take(limit).cloned().collect()
}
