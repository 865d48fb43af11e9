//! Requests without what they hold, one and by the page.

use batch_gpt_actors::{
    ports::{RequestPage, RequestSummary, Store},
    rules::{
        ids::{BatchId, BatchKey, RequestId},
        lane::Tenant,
        outcome::{ApiError, Outcome},
        record::Record,
        stage::Stage,
        time::Timestamp,
    },
};

use crate::{home::Home, journal::*};

fn page(tenant: Option<&str>, stage: Option<Stage>, after: Option<u128>, limit: usize) -> RequestPage {
    let tenant = tenant.map(|name| Tenant(name.into()));
    RequestPage { tenant, stage, after: after.map(RequestId), limit }
}

/// The numbers that one page gives, and whether there is more.
async fn numbers(store: &dyn Store, page: &RequestPage) -> Option<(Vec<u128>, bool)> {
    let listing = store.summaries(page).await.unwrap()?;
    Some((listing.items.iter().map(|item| item.id.0).collect(), listing.has_more))
}

/// Requests 1 to 8 of Ann's, and 11 to 18 of Bob's: of each two, one after the other, in the order of `Stage::ALL`,
/// the first two and the last two of them queued.
async fn filled(home: &impl Home) -> std::sync::Arc<dyn Store> {
    let store = home.open().await;
    let failure = Outcome::gateway(502, &ApiError::new("server_error", None, "No."));
    for (tenant, first, key) in [("ann", 1, 50), ("bob", 11, 60)] {
        let lane = lane(tenant, "m");
        let group: Vec<_> = (first..first + 8).map(|number| accepted(number, &lane)).collect();
        store.append(&group).await.unwrap();
        store.append(&[sealed(key, &lane, first + 2..first + 6)]).await.unwrap();
        let batch = object(&format!("batch_{key}"), 7, "in_progress");
        store.append(&[uploaded(key), created(key, batch)]).await.unwrap();
        let outcomes =
            [(first + 3, outcome("good")), (first + 4, failure.clone()), (first + 5, Outcome::cancelled())];
        store.append(&[answered(key, outcomes, 30)]).await.unwrap();
        let withdrawn = Record::Withdrawn { id: RequestId(first + 6), at: Timestamp(40) };
        store.append(&[withdrawn]).await.unwrap();
    }
    store
}

/// How far the requests of `filled` have come, by their number of 0 to 7.
const STAGES: [Stage; 8] = [
    Stage::Queued,
    Stage::Queued,
    Stage::InBatch,
    Stage::Completed,
    Stage::Failed,
    Stage::Cancelled,
    Stage::Withdrawn,
    Stage::Queued,
];

pub(crate) async fn request_is_listed_as_far_as_it_has_come(home: impl Home) {
    let store = filled(&home).await;
    let returned = [(RequestId(3), 1)].into();
    store
        .append(&[Record::Settled { key: BatchKey(50), returned, spent: [].into(), at: Timestamp(50) }])
        .await
        .unwrap();
    let store = home.reopen(store).await;
    for (number, stage) in (1..).zip(STAGES) {
        let stage = if number == 3 { Stage::Queued } else { stage };
        let ended_at = match stage {
            Stage::Queued | Stage::InBatch => None,
            Stage::Withdrawn => Some(Timestamp(40)),
            _ => Some(Timestamp(30)),
        };
        let in_batch = (4..=6).contains(&number);
        let expected = RequestSummary {
            id: RequestId(number),
            lane: lane("ann", "m"),
            stage,
            batch: in_batch.then(|| BatchId::from("batch_50")),
            attempts: u32::from(number == 3),
            accepted_at: Timestamp(1_700_000_000_000 + number as u64),
            ended_at,
        };
        assert_eq!(store.summary(RequestId(number)).await.unwrap(), Some(expected.clone()));
        let listed = store.summaries(&page(None, None, Some(number + 1), 1)).await.unwrap();
        if number < 8 {
            assert_eq!(listed.unwrap().items, [expected]);
        }
    }
    assert_eq!(store.summary(RequestId(99)).await.unwrap(), None);
    store.close().await;
}

pub(crate) async fn pages_of_requests_go_newest_first(home: impl Home) {
    let store = filled(&home).await;
    let firsts = |tenant| match tenant {
        Some("ann") => vec![1],
        Some("bob") => vec![11],
        Some(_) => vec![],
        None => vec![11, 1],
    };
    for tenant in [None, Some("ann"), Some("bob"), Some("eve")] {
        for stage in Stage::ALL.map(Some).into_iter().chain([None]) {
            let such = |number: &u128| stage.is_none_or(|stage| STAGES[*number as usize] == stage);
            let of = |first: u128| (0..8).filter(such).rev().map(move |number| first + number);
            let expected: Vec<u128> = firsts(tenant).into_iter().flat_map(of).collect();
            for limit in [1, 3, 100] {
                let (mut all, mut after) = (Vec::new(), None);
                loop {
                    let (numbers, more) = numbers(&*store, &page(tenant, stage, after, limit)).await.unwrap();
                    all.extend(numbers);
                    after = all.last().copied();
                    assert_eq!(more, all.len() < expected.len(), "{tenant:?} {stage:?} {limit}");
                    if !more {
                        break;
                    }
                }
                assert_eq!(all, expected, "{tenant:?} {stage:?} {limit}");
            }
        }
    }
    store.close().await;
}

pub(crate) async fn page_behind_an_unknown_request_is_not_there(home: impl Home) {
    let store = filled(&home).await;
    store.append(&[Record::Withdrawn { id: RequestId(90), at: Timestamp(5) }]).await.unwrap();
    assert_eq!(numbers(&*store, &page(None, None, Some(99), 3)).await, None);
    assert_eq!(numbers(&*store, &page(None, None, Some(90), 3)).await, None, "never accepted");
    assert_eq!(numbers(&*store, &page(Some("bob"), None, Some(2), 3)).await, None, "ann's");
    assert_eq!(numbers(&*store, &page(Some("ann"), None, Some(2), 3)).await, Some((vec![1], false)));
    assert_eq!(
        numbers(&*store, &page(None, Some(Stage::Withdrawn), None, 9)).await,
        Some((vec![17, 7], false))
    );
    store.close().await;
}

pub(crate) async fn requests_of_a_batch_come_in_the_order_of_its_lines(home: impl Home) {
    let store = filled(&home).await;
    for (from, limit, expected, has_more) in [
        (0, 9, vec![3, 4, 5, 6], false),
        (0, 4, vec![3, 4, 5, 6], false),
        (0, 3, vec![3, 4, 5], true),
        (1, 2, vec![4, 5], true),
        (3, 2, vec![6], false),
        (4, 2, vec![], false),
        (usize::MAX, 2, vec![], false),
    ] {
        let part = store.lines(BatchKey(50), from, limit).await.unwrap();
        let numbers: Vec<u128> = part.items.iter().map(|item| item.id.0).collect();
        assert_eq!((numbers, part.has_more), (expected, has_more), "{from} {limit}");
    }
    let all = store.lines(BatchKey(60), 0, 9).await.unwrap().items;
    assert_eq!(Some(&all[1]), store.summary(all[1].id).await.unwrap().as_ref());
    assert!(store.lines(BatchKey(99), 0, 9).await.unwrap().items.is_empty());
    store.close().await;
}
