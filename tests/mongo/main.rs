//! The MongoDB store where servers fail, and where the original batch-gpt was before.

mod cached;
mod faults;
#[path = "../mongod/mod.rs"]
mod mongod;
mod original;
mod statements;

use std::sync::Arc;

use batch_gpt::store::{self, Location};
use batch_gpt_actors::{
    ports::{Store, StoreFault},
    rules::{
        fingerprint::Fingerprint,
        ids::RequestId,
        lane::{Endpoint, Lane, Tenant},
        record::{Accepted, Record},
        terms::Keeping,
        time::Timestamp,
    },
};

pub(crate) async fn open(uri: &str, database: &str) -> Result<Arc<dyn Store>, StoreFault> {
    let location = Location::Mongo { uri: uri.into(), database: database.into() };
    store::open(&location, "gateway").await
}

pub(crate) fn lane() -> Arc<Lane> {
    Arc::new(Lane { tenant: Tenant::anonymous(), endpoint: Endpoint::ChatCompletions, model: "m".into() })
}

pub(crate) fn accepted(number: u128) -> Record {
    let mut fingerprint = [0; 32];
    fingerprint[..16].copy_from_slice(&number.to_be_bytes());
    Record::Accepted {
        request: Accepted {
            id: RequestId(number),
            lane: lane(),
            fingerprint: Fingerprint(fingerprint),
            at: Timestamp(1_700_000_000_000),
            attempts: 0,
            keeping: Keeping::default(),
        },
        body: format!("body {number}").into(),
    }
}

/// The numbers of all requests that are neither answered nor withdrawn.
pub(crate) async fn pending(store: &dyn Store) -> Vec<u128> {
    let records = store.unfinished().await.unwrap();
    let numbers = records.into_iter().filter_map(|record| match record {
        Record::Accepted { request, .. } => Some(request.id.0),
        _ => None,
    });
    numbers.collect()
}
