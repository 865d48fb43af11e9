//! Events about batches that ended (contract, section 7A, case 76, and section 5.9).

mod support;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use batch_gpt_simulator::{Settings, Simulator, WebhookCounts, Webhooks};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use support::*;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const SECRET: &str = "whsec_RdvaYFYUXuIFuEbvZHwMfYFhUf7aMYjYcmM24+Aj40c=";

/// One request as the receiver read it.
#[derive(Clone, Debug)]
struct Received {
    path: String,
    id: String,
    timestamp: String,
    signature: String,
    body: String,
}

impl Received {
    /// The signature a receiver with the secret expects.
    fn expected_signature(&self) -> String {
        let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
        mac.update(format!("{}.{}.{}", self.id, self.timestamp, self.body).as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }

    fn event(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// A server that answers with the statuses it was given, and then with 200.
struct Receiver {
    url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    async fn start(statuses: &[u16]) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let received = Arc::new(Mutex::new(Vec::new()));
        let (log, mut statuses) = (Arc::clone(&received), VecDeque::from(statuses.to_vec()));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                answer(stream, statuses.pop_front().unwrap_or(200), &log).await;
            }
        });
        Receiver { url, received }
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no panic").clone()
    }
}

/// Reads one request and closes the connection behind the answer.
async fn answer(stream: TcpStream, status: u16, log: &Mutex<Vec<Received>>) {
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.expect("a line");
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let header = |name: &str| {
        let lines = head.iter().filter_map(|line| line.split_once(": "));
        let found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next();
        found.unwrap_or_default().to_owned()
    };
    let mut body = vec![0; header("content-length").parse().expect("a length")];
    stream.read_exact(&mut body).await.expect("a body");
    log.lock().expect("no panic").push(Received {
        path: head[0].split(' ').nth(1).unwrap_or_default().to_owned(),
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        body: String::from_utf8(body).expect("UTF-8"),
    });
    let reply = format!(
        "HTTP/1.1 {status} X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(reply.as_bytes()).await.expect("an answer");
}

async fn bench_for(receiver: &Receiver, max_attempts: u32) -> Bench {
    let webhooks = Webhooks {
        url: Some(receiver.url.clone()),
        secret: SECRET.to_owned(),
        max_attempts,
        retry_ms: 1,
        ..Webhooks::default()
    };
    Bench::with(Settings { webhooks, ..frozen() }).await
}

/// Waits until the ledger shows these counts.
async fn until(bench: &Bench, attempts: u64, delivered: u64, given_up: u64) {
    let expected = WebhookCounts { attempts, delivered, given_up };
    for _ in 0..1_000 {
        if bench.simulator.ledger().webhooks == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{:?} instead of {expected:?}", bench.simulator.ledger().webhooks);
}

#[tokio::test]
async fn case_76_every_end_is_told_with_a_right_signature() {
    let receiver = Receiver::start(&[]).await;
    let bench = bench_for(&receiver, 3).await;
    let completed = bench.submit(chat_file(1)).await;
    let failed = bench.submit("{}\n").await;
    let cancelled = bench.submit(chat_file(1)).await;
    bench.cancel(&cancelled).await.ok();
    bench.order(json!({ "operation": "create_batch", "fault": "batch_expires" })).await;
    let expired = bench.submit(chat_file(2)).await;
    bench.finish(&completed).await;
    until(&bench, 4, 4, 0).await;
    let received = receiver.received();
    for (id, status) in
        [(completed, "completed"), (failed, "failed"), (cancelled, "cancelled"), (expired, "expired")]
    {
        let found: Vec<_> =
            received.iter().filter(|one| one.event()["data"] == json!({ "id": id })).collect();
        assert_eq!(found.len(), 1, "{status}");
        let event = found[0].event();
        assert_eq!(event["type"], format!("batch.{status}"));
        assert_eq!(event["object"], "event");
        assert!(text(&event["id"]).starts_with("evt_") && event["created_at"].is_u64());
        assert_eq!(found[0].signature, found[0].expected_signature());
        assert!(found[0].id.starts_with("wh_"));
        assert_eq!(found[0].path, "/hook");
    }
}

#[tokio::test]
async fn case_76_a_receiver_that_fails_is_tried_again_with_the_same_event() {
    let receiver = Receiver::start(&[500, 503]).await;
    let bench = bench_for(&receiver, 5).await;
    let id = bench.submit(chat_file(1)).await;
    bench.finish(&id).await;
    until(&bench, 3, 1, 0).await;
    let received = receiver.received();
    assert_eq!(received.len(), 3);
    assert!(received.iter().all(|one| one.id == received[0].id && one.body == received[0].body));
    assert!(received.iter().all(|one| one.signature == one.expected_signature()));
}

#[tokio::test]
async fn case_76_a_redirect_is_a_failure_and_is_not_followed() {
    let receiver = Receiver::start(&[302, 307]).await;
    let bench = bench_for(&receiver, 5).await;
    let id = bench.submit(chat_file(1)).await;
    bench.finish(&id).await;
    until(&bench, 3, 1, 0).await;
    let paths: Vec<String> = receiver.received().into_iter().map(|one| one.path).collect();
    assert_eq!(paths, ["/hook", "/hook", "/hook"]);
}

#[tokio::test]
async fn case_76_an_event_is_given_up_after_its_attempts() {
    let receiver = Receiver::start(&[500; 10]).await;
    let bench = bench_for(&receiver, 3).await;
    let id = bench.submit(chat_file(1)).await;
    bench.finish(&id).await;
    until(&bench, 3, 0, 1).await;
}

#[tokio::test]
async fn case_76_events_come_twice_forged_or_never_on_order() {
    let receiver = Receiver::start(&[]).await;
    let bench = bench_for(&receiver, 3).await;
    let mut ids = Vec::new();
    for fault in ["webhook_twice", "webhook_forged", "webhook_lost"] {
        bench.order(json!({ "operation": "create_batch", "fault": fault })).await;
        ids.push(bench.submit(chat_file(1)).await);
    }
    bench.finish(&ids[2]).await;
    until(&bench, 3, 3, 0).await;
    let of = |id: &str| -> Vec<Received> {
        receiver.received().into_iter().filter(|one| one.event()["data"]["id"] == id).collect()
    };
    let twice = of(&ids[0]);
    assert_eq!(twice.len(), 2);
    assert_eq!((&twice[0].id, &twice[0].body), (&twice[1].id, &twice[1].body));
    let forged = of(&ids[1]);
    assert_eq!(forged.len(), 1);
    assert_ne!(forged[0].signature, forged[0].expected_signature());
    assert!(of(&ids[2]).is_empty());
}

#[tokio::test]
async fn a_receiver_is_told_without_anybody_asking_for_the_batch() {
    let receiver = Receiver::start(&[]).await;
    let webhooks = Webhooks { url: Some(receiver.url.clone()), ..Webhooks::default() };
    let bench = Bench::with(Settings { webhooks, ..Settings::default() }).await;
    bench.submit(chat_file(1)).await;
    for _ in 0..1_000 {
        if !receiver.received().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nobody was told");
}

#[tokio::test]
async fn a_receiver_can_be_named_while_the_simulator_runs_but_only_on_this_machine() {
    let receiver = Receiver::start(&[]).await;
    let bench = Bench::frozen().await;
    let unheard = bench.submit(chat_file(1)).await;
    bench.finish(&unheard).await;
    for bad in [json!({ "url": "http://192.0.2.1/hook" }), json!({ "secret": "plain" })] {
        bench.control(Method::POST, "/settings", Some(json!({ "webhooks": bad }))).await.error(400);
    }
    bench.patch(json!({ "webhooks": { "url": receiver.url } })).await;
    let heard = bench.submit(chat_file(1)).await;
    bench.finish(&heard).await;
    until(&bench, 1, 1, 0).await;
    assert_eq!(receiver.received()[0].event()["data"]["id"], heard);

    let webhooks = Webhooks { url: Some("http://192.0.2.1/".to_owned()), ..Webhooks::default() };
    let cause = Simulator::start(Settings { webhooks, ..frozen() }).await.err().expect("a refusal");
    assert_eq!(cause.kind(), std::io::ErrorKind::InvalidInput);
}
