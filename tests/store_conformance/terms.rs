//! On which terms requests were taken, and what follows from it.

use batch_gpt_actors::{
    ports::{Standing, StoredRequest},
    rules::{
        idempotency::IdempotencyKey,
        ids::RequestId,
        lane::Tenant,
        outcome::{ApiError, Outcome},
        record::{Accepted, Record},
        terms::Keeping,
        time::Timestamp,
    },
};

use crate::{home::Home, journal::*};

fn key(name: &str) -> IdempotencyKey {
    IdempotencyKey::of(&Tenant("ann".into()), name.as_bytes())
}

fn kept(number: u128, keeping: Keeping) -> Accepted {
    Accepted { keeping, ..request(number, &lane("ann", "m")) }
}

fn record(request: &Accepted) -> Record {
    Record::Accepted { request: request.clone(), body: body(request.id.0) }
}

pub(crate) async fn kept_terms_come_back(home: impl Home) {
    let store = home.open().await;
    let keepings = [
        Keeping { private: true, key: Some(key("one")) },
        Keeping { private: true, key: None },
        Keeping { private: false, key: Some(key("two")) },
        Keeping::default(),
    ];
    let requests: Vec<_> = (1..).zip(keepings).map(|(number, keeping)| kept(number, keeping)).collect();
    store.append(&requests.iter().map(record).collect::<Vec<_>>()).await.unwrap();
    let store = home.reopen(store).await;
    assert_eq!(unfinished(&*store).await.open, requests);
    for request in requests {
        assert_eq!(store.request(request.id).await.unwrap().unwrap().request, request);
    }
    store.close().await;
}

pub(crate) async fn good_answers_that_are_not_private_are_reusable(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "m");
    let failure = Outcome::gateway(502, &ApiError::new("server_error", None, "No."));
    let private = Keeping { private: true, key: None };
    let alike = [1, 2, 3, 4, 5].map(|number| {
        let keeping = if number == 4 { private } else { Keeping::default() };
        Accepted { fingerprint: fingerprint(77), ..kept(number, keeping) }
    });
    store.append(&alike.each_ref().map(record)).await.unwrap();
    store.append(&[sealed(50, &lane, 1..=5)]).await.unwrap();
    let reusable = async || {
        let found = store.reusable(&fingerprint(77)).await.unwrap();
        found.map(|found| (found.id.0, found.outcome, found.at))
    };
    assert_eq!(reusable().await, None, "nothing yet");
    store.append(&[answered(50, [(1, failure.clone())], 10)]).await.unwrap();
    assert_eq!(reusable().await, None, "a failure");
    store.append(&[answered(50, [(2, outcome("two")), (3, outcome("three"))], 20)]).await.unwrap();
    store.append(&[answered(50, [(4, outcome("four")), (5, failure)], 30)]).await.unwrap();
    store.append(&[answered(50, [(2, outcome("two again"))], 40)]).await.unwrap();
    assert_eq!(reusable().await, Some((3, outcome("three"), Timestamp(20))));
    assert_eq!(store.answer(&fingerprint(77)).await.unwrap().unwrap().at, Timestamp(30), "for a re-send");
    assert_eq!(store.reusable(&fingerprint(1)).await.unwrap(), None, "another fingerprint");
    store.close().await;
}

pub(crate) async fn request_is_found_by_its_key(home: impl Home) {
    let store = home.open().await;
    let named = |number| kept(number, Keeping { private: false, key: Some(key("mine")) });
    let (first, second) = (named(1), named(2));
    store.append(&[record(&first), record(&request_of_nobody())]).await.unwrap();
    let found = async |name: &str| store.keyed(&key(name)).await.unwrap();
    let stands = |request: &Accepted, standing| Some(StoredRequest { request: request.clone(), standing });
    assert_eq!(found("mine").await, stands(&first, Standing::Open));
    assert_eq!(found("another").await, None);
    store.append(&[Record::Withdrawn { id: RequestId(1), at: Timestamp(5) }]).await.unwrap();
    assert_eq!(found("mine").await, None, "withdrawn, so the key is free");
    store.append(&[record(&second), sealed(50, &second.lane, [2])]).await.unwrap();
    assert_eq!(found("mine").await, stands(&second, Standing::Sealed));
    store.append(&[answered(50, [(2, outcome("two"))], 30)]).await.unwrap();
    let store = home.reopen(store).await;
    let answered = Standing::Answered(outcome("two"));
    assert_eq!(store.keyed(&key("mine")).await.unwrap(), stands(&second, answered));
    store.close().await;
}

fn request_of_nobody() -> Accepted {
    kept(9, Keeping::default())
}
