//! Each record goes in and comes back.

use batch_gpt_actors::{
    ports::{Standing, StoredOutcome, StoredRequest},
    rules::{
        ids::{BatchId, BatchKey, RequestId},
        lane::Tenant,
        lines,
        outcome::{ApiError, Outcome},
        record::{Progress, Record},
        time::Timestamp,
        upstream_batch::UpstreamBatch,
    },
};

use bytes::BytesMut;

use crate::{home::Home, journal::*};

pub(crate) async fn accepted_requests_come_back_without_their_bodies(home: impl Home) {
    let store = home.open().await;
    assert_eq!(store.unfinished().await.unwrap(), []);
    let lane = lane("ann", "m");
    let group = [3, 1, 2].map(|number| accepted(number, &lane));
    store.append(&group).await.unwrap();
    store.append(&[]).await.unwrap();
    let store = home.reopen(store).await;
    let expected = group.map(|record| match record {
        Record::Accepted { request, .. } => Record::Accepted { request, body: Default::default() },
        other => other,
    });
    assert_eq!(store.unfinished().await.unwrap(), expected, "in order of acceptance");
    store.close().await;
}

pub(crate) async fn bodies_come_in_the_order_asked(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "m");
    let group: Vec<_> = (1..=5).map(|number| accepted(number, &lane)).collect();
    store.append(&group).await.unwrap();
    let asked = [4, 99, 1, 5, 4].map(RequestId);
    let expected = [4, 1, 5, 4].map(|number| (RequestId(number), body(number)));
    assert_eq!(store.bodies(&asked).await.unwrap(), expected);
    assert_eq!(store.bodies(&[]).await.unwrap(), []);
    let mut lines = BytesMut::new();
    expected.iter().for_each(|(id, body)| lines::write(&mut lines, *id, lane.endpoint, body));
    let composed = store.compose(&asked, lane.endpoint, lines.len() as u64).await.unwrap();
    assert_eq!(composed, lines, "a batch's file has them likewise");
    store.close().await;
}

pub(crate) async fn withdrawn_requests_are_over(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "m");
    let group = [1, 2].map(|number| accepted(number, &lane));
    store.append(&group).await.unwrap();
    let withdrawn = Record::Withdrawn { id: RequestId(1), at: Timestamp(5) };
    store.append(&[withdrawn]).await.unwrap();
    // A repetition of the acceptance does not bring it back.
    store.append(&group).await.unwrap();
    let store = home.reopen(store).await;
    let unfinished = unfinished(&*store).await;
    assert_eq!(unfinished.open, [request(2, &lane)]);
    assert_eq!(store.answer(&fingerprint(1)).await.unwrap(), None);
    store.close().await;
}

pub(crate) async fn batch_comes_back_as_far_as_it_came(home: impl Home) {
    let mut store = home.open().await;
    let lane = lane("ann", "m");
    let group: Vec<_> = (1..=3).map(|number| accepted(number, &lane)).collect();
    store.append(&group).await.unwrap();
    let seen = object("batch_a", 7, "in_progress");
    let steps = [
        (sealed(50, &lane, [2, 3, 1]), Progress::Sealed),
        (uploaded(50), Progress::Uploaded("file-50".into())),
        (
            created(50, object("batch_a", 7, "validating")),
            Progress::Created(object("batch_a", 7, "validating")),
        ),
        (observed(50, seen.clone(), 9), Progress::Created(seen.clone())),
    ];
    for (record, progress) in steps {
        store.append(&[record]).await.unwrap();
        store = home.reopen(store).await;
        let unfinished = unfinished(&*store).await;
        assert_eq!(unfinished.open, []);
        assert_eq!(unfinished.awaited, [1, 2, 3].map(|number| request(number, &lane)));
        let [batch] = &unfinished.batches[..] else {
            panic!("{:?}", unfinished.batches);
        };
        assert_eq!((batch.key, &batch.lane), (BatchKey(50), &lane));
        assert_eq!(batch.requests[..], [2, 3, 1].map(RequestId), "in the order of its lines");
        assert_eq!(batch.sealed_at, Timestamp(1_700_000_100_050));
        assert_eq!(batch.progress, progress);
        assert!(batch.answered.is_empty());
    }
    let stored = store.batch(None, &seen.id).await.unwrap().unwrap();
    assert_eq!(stored.key, Some(BatchKey(50)));
    assert_eq!(stored.object.get(), seen.raw.get());

    store.append(&[answered(50, [(3, outcome("three"))], 20)]).await.unwrap();
    let unfinished = unfinished(&*store).await;
    assert_eq!(unfinished.batches[0].answered, [RequestId(3)].into());
    assert_eq!(unfinished.awaited, [1, 2].map(|number| request(number, &lane)));
    store.close().await;
}

pub(crate) async fn batch_object_is_kept_byte_for_byte(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "m");
    let text = concat!(
        "{ \"id\" : \"batch_\\u00e9\\ud83d\\ude00\",\n\t\"created_at\": 1.7e9 , \"new\": [1, 1.0, 1e0, -0, ",
        "123456789012345678901234567890], \"\": null, \"a.b\": {\"$set\": {}}, \"n\\u0000l\": \"\\u0000\", ",
        "\"lone\": \"\\ud800\", \"twice\": 1, \"twice\": 2, \"metadata\": {\"😀\": \"\u{202e}\"}  }"
    );
    let batch = UpstreamBatch::parse(text).unwrap();
    store.append(&[accepted(1, &lane), sealed(50, &lane, [1]), created(50, batch.clone())]).await.unwrap();
    let store = home.reopen(store).await;
    let stored = store.batch(None, &batch.id).await.unwrap().unwrap();
    assert_eq!(stored.object.get(), text);
    let listed = store.batches(&page(None, None, 5)).await.unwrap().unwrap();
    assert_eq!(listed.items[0].object.get(), text);
    let unfinished = unfinished(&*store).await;
    assert_eq!(unfinished.batches[0].progress, Progress::Created(batch));
    store.close().await;
}

pub(crate) fn page(tenant: Option<&str>, after: Option<&str>, limit: usize) -> batch_gpt_actors::ports::Page {
    batch_gpt_actors::ports::Page {
        tenant: tenant.map(|name| Tenant(name.into())),
        after: after.map(BatchId::from),
        limit,
    }
}

pub(crate) async fn settled_batches_are_over_and_their_outcomes_stay(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "m");
    let failure = Outcome::gateway(502, &ApiError::new("server_error", Some("gone"), "It is gone."));
    store.append(&[accepted(1, &lane), accepted(2, &lane), sealed(50, &lane, [1, 2])]).await.unwrap();
    store.append(&[uploaded(50), created(50, object("batch_a", 7, "completed"))]).await.unwrap();
    let outcomes = answered(50, [(1, outcome("one")), (2, failure.clone())], 30);
    store.append(&[outcomes, settled(50)]).await.unwrap();
    let store = home.reopen(store).await;
    assert_eq!(store.unfinished().await.unwrap(), []);
    for (number, outcome) in [(1, outcome("one")), (2, failure)] {
        let stored = StoredOutcome { id: RequestId(number), outcome, at: Timestamp(30) };
        assert_eq!(store.answer(&fingerprint(number)).await.unwrap(), Some(stored));
    }
    let listed = store.batches(&page(None, None, 5)).await.unwrap().unwrap();
    assert_eq!(listed.items.len(), 1);
    store.close().await;
}

pub(crate) async fn first_outcome_of_a_request_stands(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "m");
    store.append(&[accepted(1, &lane), sealed(50, &lane, [1])]).await.unwrap();
    let first = answered(50, [(1, outcome("first"))], 30);
    store.append(std::slice::from_ref(&first)).await.unwrap();
    store.append(&[answered(50, [(1, outcome("second"))], 40)]).await.unwrap();
    store.append(&[first, answered(50, [(1, outcome("third"))], 20)]).await.unwrap();
    let stored = store.answer(&fingerprint(1)).await.unwrap().unwrap();
    assert_eq!(stored.outcome, outcome("first"));
    assert_eq!(stored.at, Timestamp(30));
    store.close().await;
}

pub(crate) async fn latest_outcome_of_a_fingerprint_answers(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "m");
    let alike = [1, 2, 3, 4].map(|number| {
        let mut request = request(number, &lane);
        request.fingerprint = fingerprint(77);
        let body = body(number);
        Record::Accepted { request, body }
    });
    store.append(&alike).await.unwrap();
    store.append(&[sealed(50, &lane, 1..=4)]).await.unwrap();
    assert_eq!(store.answer(&fingerprint(77)).await.unwrap(), None, "nothing yet");
    store.append(&[answered(50, [(3, outcome("three"))], 60)]).await.unwrap();
    store.append(&[answered(50, [(1, outcome("one"))], 90)]).await.unwrap();
    store.append(&[answered(50, [(2, outcome("two"))], 70)]).await.unwrap();
    // Comes too late to count, so it makes nothing younger.
    store.append(&[answered(50, [(3, outcome("three again"))], 100)]).await.unwrap();
    let stored = store.answer(&fingerprint(77)).await.unwrap().unwrap();
    assert_eq!((stored.id, stored.outcome), (RequestId(1), outcome("one")));
    assert_eq!(store.answer(&fingerprint(1)).await.unwrap(), None, "another fingerprint");
    store.close().await;
}

pub(crate) async fn statuses_never_go_back_to_the_creation(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "m");
    let creation = created(50, object("batch_a", 7, "validating"));
    let seen = object("batch_a", 7, "completed");
    store.append(&[accepted(1, &lane), sealed(50, &lane, [1]), uploaded(50)]).await.unwrap();
    store.append(std::slice::from_ref(&creation)).await.unwrap();
    // The clock may have been set back in between.
    store.append(&[observed(50, seen.clone(), 1)]).await.unwrap();
    store.append(&[uploaded(50), creation]).await.unwrap();
    let unfinished = unfinished(&*store).await;
    assert_eq!(unfinished.batches[0].progress, Progress::Created(seen));
    store.close().await;
}

pub(crate) async fn names_are_kept_whatever_they_hold(home: impl Home) {
    let store = home.open().await;
    let names = [
        "",
        " ",
        "𝕘𝕡𝕥-😀",
        "nul\0inside",
        "\0",
        "quote\"'`\\ $where {$ne: null} %00",
        "\u{202e}right\u{feff}",
        "a.b$c",
        "line\nbreak\r\t",
        "é",
        "e\u{301}",
        "É",
    ];
    let long = "𝕏".repeat(2_000);
    let names: Vec<&str> = names.into_iter().chain([long.as_str()]).collect();
    let mut expected = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let number = number as u128 * 10;
        let lanes = [lane(name, "m"), lane("t", name)];
        let [one, two] = &lanes;
        store
            .append(&[
                accepted(number, one),
                accepted(number + 1, two),
                sealed(number, one, [number]),
                Record::Uploaded {
                    key: BatchKey(number),
                    file: format!("file-{name}").as_str().into(),
                    at: Timestamp(1),
                },
            ])
            .await
            .unwrap();
        expected.push((number, lanes, format!("file-{name}")));
    }
    let store = home.reopen(store).await;
    let unfinished = unfinished(&*store).await;
    assert_eq!(unfinished.batches.len(), names.len());
    for (batch, (number, [one, two], file)) in unfinished.batches.iter().zip(expected) {
        assert_eq!(batch.key, BatchKey(number));
        assert_eq!(batch.lane, one);
        assert_eq!(batch.progress, Progress::Uploaded(file.as_str().into()));
        let open = unfinished.open.iter().find(|open| open.id == RequestId(number + 1));
        assert_eq!(open.unwrap().lane, two);
    }
    store.close().await;
}

pub(crate) async fn batch_never_sealed_is_not_made_up(home: impl Home) {
    let store = home.open().await;
    let stray = object("batch_stray", 7, "completed");
    let outcomes = answered(50, [(1, outcome("nobody's"))], 5);
    let group =
        [uploaded(50), created(50, stray.clone()), observed(50, stray.clone(), 4), outcomes, settled(50)];
    store.append(&group).await.unwrap();
    assert_eq!(store.unfinished().await.unwrap(), []);
    assert!(store.batch(None, &stray.id).await.unwrap().is_none());
    assert_eq!(store.answer(&fingerprint(1)).await.unwrap(), None);
    store.close().await;
}

pub(crate) async fn request_says_how_it_stands(home: impl Home) {
    let store = home.open().await;
    let lane = lane("ann", "𝕞");
    let stands = async |number| store.request(RequestId(number)).await.unwrap();
    let group: Vec<_> = (1..=4).map(|number| accepted(number, &lane)).collect();
    store.append(&group).await.unwrap();
    let withdrawn = [1, 9].map(|number| Record::Withdrawn { id: RequestId(number), at: Timestamp(5) });
    store.append(&withdrawn).await.unwrap();
    store.append(&[sealed(50, &lane, [2, 3])]).await.unwrap();
    store.append(&[answered(50, [(3, outcome("three"))], 30)]).await.unwrap();
    let expected =
        [Standing::Withdrawn, Standing::Sealed, Standing::Answered(outcome("three")), Standing::Open];
    for (number, standing) in (1..).zip(expected) {
        let request = request(number, &lane);
        assert_eq!(stands(number).await, Some(StoredRequest { request, standing }));
    }
    assert_eq!(stands(8).await, None, "never heard of");
    assert_eq!(stands(9).await, None, "never accepted");
    store.close().await;
}
