//! A store tells a restart what the journal itself would tell it.

use batch_gpt_actors::rules::record::replay;

use crate::{
    home::Home,
    journal::{Dice, journal, unfinished},
};

pub(crate) async fn store_and_journal_agree_after_every_record(home: impl Home) {
    let records = journal(1, 1, 250);
    let mut store = home.open().await;
    for (number, record) in records.iter().enumerate() {
        store.append(std::slice::from_ref(record)).await.unwrap();
        if number % 25 == 0 {
            store = home.reopen(store).await;
        }
        let prefix = records[..=number].iter().cloned();
        assert_eq!(unfinished(&*store).await, replay(prefix), "after {number}: {record:?}");
    }
    store.close().await;
}

pub(crate) async fn group_handed_in_twice_changes_nothing(home: impl Home) {
    let records = journal(2, 1, 300);
    let (mut dice, mut written) = (Dice::new(3), 0);
    let store = home.open().await;
    while written < records.len() {
        let end = records.len().min(written + 1 + dice.roll(12));
        let expected = replay(records[..end].iter().cloned());
        for time in 1..=2 {
            store.append(&records[written..end]).await.unwrap();
            assert_eq!(unfinished(&*store).await, expected, "{written}..{end}, time {time}");
        }
        written = end;
    }
    store.close().await;
}

pub(crate) async fn journal_handed_in_twice_changes_nothing(home: impl Home) {
    let records = journal(4, 1, 300);
    let store = home.open().await;
    let expected = replay(records.iter().cloned());
    for _ in 0..2 {
        for group in records.chunks(20) {
            store.append(group).await.unwrap();
        }
        assert_eq!(unfinished(&*store).await, expected);
    }
    store.close().await;
}
