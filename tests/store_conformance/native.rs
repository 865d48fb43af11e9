//! Files and batches that clients make themselves.

use batch_gpt_actors::{
    ports::Page,
    rules::{
        ids::{BatchId, FileId},
        lane::Tenant,
        record::Record,
        time::Timestamp,
        upstream_batch::UpstreamBatch,
    },
};

use crate::{home::Home, journal::*};

fn tenant(name: &str) -> Tenant {
    Tenant(name.into())
}

fn made(name: &str, file: &str, at: u64) -> Record {
    Record::FileMade { tenant: tenant(name), file: file.into(), at: Timestamp(at) }
}

fn native(name: &str, batch: UpstreamBatch, at: u64) -> Record {
    Record::NativeBatch { tenant: tenant(name), batch, at: Timestamp(at) }
}

pub(crate) async fn files_are_their_latest_makers_own(home: impl Home) {
    let store = home.open().await;
    let group = [made("ann", "file-1", 10), made("$ann", "file-2", 10), made("ann", "file-3", 20)];
    for _ in 0..2 {
        store.append(&group).await.unwrap();
    }
    let asked = ["file-3", "file-none", "file-2", "file-1"].map(FileId::from);
    let own = async |name: &str| store.own_files(&tenant(name), &asked).await.unwrap();
    assert_eq!(own("ann").await, ["file-3", "file-1"].map(FileId::from));
    assert_eq!(own("$ann").await, [FileId::from("file-2")]);
    assert_eq!(own("eve").await, []);
    store.append(&[made("bob", "file-1", 30), made("bob", "file-3", 15)]).await.unwrap();
    assert_eq!(own("bob").await, [FileId::from("file-1")]);
    assert_eq!(own("ann").await, [FileId::from("file-3")]);
    let many: Vec<_> = (0..2_500).map(|n| made("ann", &format!("file-{n:04}"), 40)).collect();
    store.append(&many).await.unwrap();
    let asked: Vec<_> = (0..3_000).map(|n| FileId::from(format!("file-{n:04}").as_str())).collect();
    assert_eq!(store.own_files(&tenant("ann"), &asked).await.unwrap(), asked[..2_500]);
    store.close().await;
}

pub(crate) async fn native_batches_are_listed_as_last_seen_and_are_nobodys_work(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "m");
    store
        .append(&[accepted(1, &lane), sealed(1, &lane, [1]), created(1, object("batch_own", 50, "x"))])
        .await
        .unwrap();
    let before = unfinished(&*store).await;
    let (first, last) = (object("batch_native", 60, "validating"), object("batch_native", 60, "completed"));
    store.append(&[native("ann", first.clone(), 100)]).await.unwrap();
    store.append(&[native("ann", last.clone(), 200), native("bob", first.clone(), 150)]).await.unwrap();
    store.append(&[native("ann", first, 100)]).await.unwrap();
    let store = home.reopen(store).await;
    assert_eq!(unfinished(&*store).await, before);
    let find = async |name: Option<&str>| {
        let tenant = name.map(tenant);
        store.batch(tenant.as_ref(), &BatchId::from("batch_native")).await.unwrap()
    };
    let found = find(Some("ann")).await.unwrap();
    assert_eq!((found.object.get(), found.key, found.native), (last.raw.get(), None, Some(tenant("ann"))));
    assert!(find(None).await.is_some());
    assert!(find(Some("bob")).await.is_none());
    let page = Page { tenant: Some(tenant("ann")), after: None, limit: 10 };
    let listed = store.batches(&page).await.unwrap().unwrap().items;
    let listed: Vec<_> = listed.into_iter().map(|batch| (batch.key.is_some(), batch.native)).collect();
    assert_eq!(listed, [(false, Some(tenant("ann"))), (true, None)]);
    store.close().await;
}
