//! Batches, newest first, a page at a time.

use std::sync::Arc;

use batch_gpt_actors::{
    ports::{Page, Store},
    rules::{ids::BatchId, lane::Tenant, upstream_batch::UpstreamBatch},
};

use crate::{
    home::Home,
    journal::{accepted, created, lane, object, observed, sealed},
    roundtrip::page,
};

/// (tenant, id, created_at): ids do not follow time, seconds are shared, one id is a prefix of another.
const BATCHES: [(&str, &str, u64); 12] = [
    ("ann", "batch_m", 100),
    ("bob", "batch_a", 100),
    ("ann", "batch_ab", 100),
    ("ann", "batch_z", 90),
    ("bob", "batch_y", 300),
    ("bob", "batch_é", 300),
    ("ann", "batch_B", 300),
    ("ann", "batch_b", 300),
    ("ann", "batch_0", 0),
    ("bob", "batch_00", 0),
    ("ann", "batch_q", 9_007_199_254_740_993),
    ("bob", "batch_p", 250),
];

async fn filled(home: &impl Home) -> Arc<dyn Store> {
    let store = home.open().await;
    for (number, (tenant, id, created_at)) in BATCHES.into_iter().enumerate() {
        let (number, lane) = (number as u128, lane(tenant, "m"));
        let creation = created(number, object(id, created_at, "validating"));
        let news = observed(number, object(id, created_at, "in_progress"), 5);
        store
            .append(&[accepted(number, &lane), sealed(number, &lane, [number]), creation, news])
            .await
            .unwrap();
    }
    store
}

/// The ids there are for a tenant, in the order promised.
fn expected(tenant: Option<&str>) -> Vec<&'static str> {
    let mut batches: Vec<_> =
        BATCHES.into_iter().filter(|(owner, _, _)| tenant.is_none_or(|tenant| tenant == *owner)).collect();
    batches.sort_by_key(|(_, id, created_at)| std::cmp::Reverse((*created_at, *id)));
    batches.into_iter().map(|(_, id, _)| id).collect()
}

/// The ids that one page gives, and whether there is more.
async fn ids(store: &dyn Store, page: &Page) -> Option<(Vec<String>, bool)> {
    let listing = store.batches(page).await.unwrap()?;
    let items = listing.items.iter().map(|item| {
        let batch = UpstreamBatch::parse(item.object.get()).unwrap();
        assert_eq!(batch.status.as_str(), "in_progress", "as last observed");
        batch.id.to_string()
    });
    Some((items.collect(), listing.has_more))
}

async fn walk(store: &dyn Store, tenant: Option<&str>, limit: usize) -> Vec<String> {
    let (mut all, mut after) = (Vec::<String>::new(), None);
    loop {
        let (ids, has_more) = ids(store, &page(tenant, after.as_deref(), limit)).await.unwrap();
        assert!(ids.len() <= limit);
        assert_eq!(has_more, all.len() + ids.len() < expected(tenant).len());
        all.extend(ids);
        if !has_more {
            return all;
        }
        after = all.last().cloned();
    }
}

pub(crate) async fn pages_go_newest_first_by_creation_and_id(home: impl Home) {
    let store = filled(&home).await;
    for limit in [1, 2, 5, 11, 12, 13, 100] {
        assert_eq!(walk(&*store, None, limit).await, expected(None), "limit {limit}");
    }
    let none = ids(&*store, &page(None, None, 0)).await.unwrap();
    assert_eq!(none, (vec![], true));
    let all = ids(&*store, &page(None, None, usize::MAX)).await.unwrap();
    assert_eq!(all.0, expected(None));
    let last = expected(None).pop();
    let behind_the_last = ids(&*store, &page(None, last, 3)).await.unwrap();
    assert_eq!(behind_the_last, (vec![], false));
    store.close().await;
}

pub(crate) async fn tenants_page_through_their_own_batches(home: impl Home) {
    let store = filled(&home).await;
    for tenant in ["ann", "bob"] {
        for limit in [1, 3, 100] {
            assert_eq!(walk(&*store, Some(tenant), limit).await, expected(Some(tenant)));
        }
    }
    let nobodys = ids(&*store, &page(Some("eve"), None, 3)).await.unwrap();
    assert_eq!(nobodys, (vec![], false));
    let (ann, bob) = (Tenant("ann".into()), Tenant("bob".into()));
    let id = BatchId::from("batch_q");
    assert!(store.batch(Some(&ann), &id).await.unwrap().is_some());
    assert!(store.batch(Some(&bob), &id).await.unwrap().is_none());
    assert!(store.batch(None, &id).await.unwrap().is_some());
    store.close().await;
}

pub(crate) async fn page_behind_an_unknown_batch_is_not_there(home: impl Home) {
    let store = filled(&home).await;
    for after in ["batch_", "batch_nobody", "", "batch_Q", "$gt"] {
        assert_eq!(ids(&*store, &page(None, Some(after), 3)).await, None, "{after}");
    }
    assert_eq!(ids(&*store, &page(Some("bob"), Some("batch_q"), 3)).await, None, "ann's");
    assert!(ids(&*store, &page(Some("ann"), Some("batch_q"), 3)).await.is_some());
    store.close().await;
}

pub(crate) async fn page_after_a_batch_survives_newer_ones(home: impl Home) {
    let store = filled(&home).await;
    let behind = page(None, Some("batch_y"), 100);
    let before = ids(&*store, &behind).await.unwrap();
    let lane = lane("ann", "m");
    let newer = object("batch_newer", 9_100_000_000_000_000, "in_progress");
    store.append(&[accepted(900, &lane), sealed(900, &lane, [900]), created(900, newer)]).await.unwrap();
    assert_eq!(ids(&*store, &behind).await.unwrap(), before);
    let (first, _) = ids(&*store, &page(None, None, 1)).await.unwrap();
    assert_eq!(first, ["batch_newer"]);
    store.close().await;
}

pub(crate) async fn batches_not_yet_upstream_are_not_listed(home: impl Home) {
    let store = filled(&home).await;
    let lane = lane("ann", "m");
    store.append(&[accepted(900, &lane), sealed(900, &lane, [900])]).await.unwrap();
    let (all, _) = ids(&*store, &page(None, None, 100)).await.unwrap();
    assert_eq!(all, expected(None));
    store.close().await;
}
