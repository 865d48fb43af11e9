use std::time::Duration;

use crate::process::{Gateway, text};

#[tokio::test]
async fn lines_of_clients_that_hung_up_are_not_sent() {
    let gateway =
        Gateway::with(Duration::from_millis(100), &[("COLLATE_BATCHES_FOR_DURATION_IN_MS", "3000")]).await;
    let mut clients: Vec<_> =
        (0..40).map(|n| tokio::spawn(gateway.chat("m", &format!("{n}")).send())).collect();
    gateway.waiting(40).await;
    for leaver in clients.iter().step_by(4) {
        leaver.abort();
    }
    clients = clients.into_iter().enumerate().filter(|(n, _)| n % 4 != 0).map(|(_, client)| client).collect();
    for client in clients {
        let answer = client.await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
    }
    let ledger = gateway.ledger();
    assert_eq!(ledger.batches.iter().map(|batch| batch.lines).collect::<Vec<_>>(), [30]);
    assert_eq!(ledger.executed_lines, 30);
}

#[tokio::test]
async fn a_client_that_left_after_the_sealing_finds_its_line_again() {
    let gateway = Gateway::with(Duration::from_secs(3), &[]).await;
    let gone = tokio::spawn(gateway.chat("m", "twice asked").send());
    gateway.waiting(1).await;
    gateway.waiting(0).await;
    gone.abort();
    let again = gateway.chat("m", "twice asked").header("x-stainless-retry-count", "1").send().await.unwrap();
    assert_eq!(text(&again.json().await.unwrap()), "Answer to: twice asked");
    assert_eq!(gateway.ledger().executed_lines, 1);
}
