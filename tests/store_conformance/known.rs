//! Starts of which fingerprints have an outcome, page by page.

use std::collections::BTreeSet;

use batch_gpt_actors::rules::{ids::RequestId, record::Record, time::Timestamp};

use crate::{
    home::Home,
    journal::{accepted, answered, fingerprint, lane, outcome, sealed},
};

pub(crate) async fn every_answered_fingerprint_is_in_a_page(home: impl Home) {
    const ANSWERED: u128 = 25;
    let store = home.open().await;
    let lane = lane("ann", "m");
    let all = 1..=ANSWERED + 2;
    let requests: Vec<_> = all.clone().map(|number| accepted(number, &lane)).collect();
    store.append(&requests).await.unwrap();
    let withdrawn = Record::Withdrawn { id: RequestId(ANSWERED + 2), at: Timestamp(5) };
    store.append(&[withdrawn, sealed(50, &lane, 1..=ANSWERED + 1)]).await.unwrap();
    store.append(&[answered(50, (1..=ANSWERED).map(|number| (number, outcome("yes"))), 30)]).await.unwrap();
    let store = home.reopen(store).await;
    let (mut known, mut after) = (Vec::new(), None);
    loop {
        let page = store.answered(after, 10).await.unwrap();
        known.extend_from_slice(&page);
        after = page.last().copied();
        if page.len() < 10 {
            break;
        }
    }
    assert!(known.is_sorted());
    let known: BTreeSet<_> = known.into_iter().collect();
    assert_eq!(known, (1..=ANSWERED).map(|number| fingerprint(number).start()).collect::<BTreeSet<_>>());
    store.close().await;
}
