//! Clients that mean no good, and the others who must not notice.

use std::{net::Ipv4Addr, time::Duration};

use batch_gpt_rig::abuse::{Abuser, Drip, End};
use futures_util::{
    StreamExt,
    future::join_all,
    stream::{self, FuturesUnordered},
};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, time::timeout};

use crate::process::{Gateway, PATIENCE, until};

const KEYS: (&str, &str) = ("BATCH_GPT_API_KEYS", "good:sk-good,bad:sk-bad");
const SECOND: Duration = Duration::from_secs(1);

async fn gateway(settings: &[(&str, &str)]) -> Gateway {
    Gateway::with(Duration::from_millis(100), &[&[KEYS], settings].concat()).await
}

/// Bad clients at an address of their own.
fn abuser(gateway: &Gateway) -> Abuser {
    Abuser { target: gateway.address(), from: Ipv4Addr::new(127, 0, 0, 2) }
}

/// A good client has its answer.
async fn is_served(gateway: &Gateway, prompt: &str) {
    let answer = gateway.chat_as("sk-good", "m", prompt).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{prompt}");
}

fn told(end: &End) -> Value {
    let text = String::from_utf8_lossy(&end.bytes);
    let body = text.split("\r\n\r\n").nth(1).unwrap_or_else(|| panic!("no body in {text}"));
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// Two hundred at a byte a second, in every place where one can be slow, with and without a key.
#[tokio::test]
async fn slow_clients_are_cut_off_and_the_others_are_served() {
    let gateway = gateway(&[("BATCH_GPT_HEAD_SECONDS", "2"), ("BATCH_GPT_BODY_SECONDS", "2")]).await;
    let abuser = abuser(&gateway);
    let ways = [
        (Drip::Head, None, 408),
        (Drip::Body, None, 401),
        (Drip::Chunks, None, 401),
        (Drip::Body, Some("sk-bad"), 408),
        (Drip::Chunks, Some("sk-bad"), 408),
        (Drip::Form, Some("sk-bad"), 408),
    ];
    let slow: Vec<_> = (0..34)
        .flat_map(|_| ways)
        .map(|(drip, key, status)| {
            tokio::spawn(async move { (drip, key, status, abuser.drip(drip, key, SECOND, PATIENCE).await) })
        })
        .collect();
    for n in 0..5 {
        is_served(&gateway, &format!("beside slow clients {n}")).await;
    }
    for ended in join_all(slow).await {
        let (drip, key, status, end) = ended.unwrap();
        let end = end.unwrap_or_else(|| panic!("{drip:?} with {key:?} was never cut off"));
        assert_eq!(
            end.status,
            Some(status),
            "{drip:?} with {key:?}: {:?}",
            end.bytes.escape_ascii().to_string()
        );
    }
    is_served(&gateway, "after slow clients").await;
}

/// The server limits the time of a connection's first head only, so a stranger must not get to a second one.
#[tokio::test]
async fn a_connection_is_kept_for_those_alone_who_have_shown_a_key() {
    let gateway = gateway(&[]).await;
    let abuser = abuser(&gateway);
    for (path, key) in [
        ("/v1/requests", "authorization: Bearer sk-wrong\r\n"),
        ("/v1/requests", ""),
        ("/livez", ""),
        ("/nowhere", ""),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n{key}\r\n");
        // An idle connection that is kept is closed later than that.
        let end = timeout(PATIENCE / 2, abuser.exchange(request.as_bytes())).await;
        let end = end.unwrap_or_else(|_| panic!("{path} with {key:?} is not closed"));
        assert!(String::from_utf8_lossy(&end.bytes).contains("connection: close"), "{path}: {end:?}");
    }
    let head = "GET /v1/requests HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-good\r\n";
    let end = abuser.exchange(format!("{head}\r\n{head}connection: close\r\n\r\n").as_bytes()).await;
    let text = String::from_utf8(end.bytes).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200").count(), 2, "{text}");
}

#[tokio::test]
async fn whoever_guesses_is_told_to_wait_and_nobody_else_is() {
    let gateway = gateway(&[]).await;
    let abuser = abuser(&gateway);
    is_served(&gateway, "before").await;
    let before = abuser.post(Some("sk-bad"), &body("mine")).await;
    assert_eq!(before.status, Some(200));
    let guess = |n: u32| async move { abuser.post(Some(&format!("sk-guess-{n}")), b"{}").await };
    let ends: Vec<End> = stream::iter(0..2_000).map(guess).buffer_unordered(50).collect().await;
    let told_to_wait = ends.iter().filter(|end| end.status == Some(429)).count();
    let refused = ends.iter().filter(|end| end.status == Some(401)).count();
    assert_eq!(told_to_wait + refused, 2_000);
    // The minute may have turned meanwhile.
    assert!((60..=120).contains(&refused), "{refused} were refused");
    let end = ends.iter().find(|end| end.status == Some(429)).unwrap();
    assert_eq!(told(end)["error"]["code"], "too_many_incorrect_keys");
    let head = String::from_utf8_lossy(&end.bytes).to_ascii_lowercase();
    let after = head.split_once("retry-after: ").unwrap().1.lines().next().unwrap().parse::<u64>().unwrap();
    assert!((1..=60).contains(&after), "{after}");
    is_served(&gateway, "at another address").await;
    let same = abuser.post(Some("sk-bad"), &body("the same key at the same address")).await;
    assert_eq!(same.status, Some(200), "whoever was right before is not locked out by a neighbour");
}

fn body(prompt: &str) -> Vec<u8> {
    json!({ "model": "m", "messages": [{ "role": "user", "content": prompt }] }).to_string().into_bytes()
}

#[tokio::test]
async fn bodies_that_are_too_large_too_deep_or_none_are_refused_and_the_others_are_served() {
    let gateway = gateway(&[("BATCH_GPT_MAX_BODY_BYTES", "100000")]).await;
    let abuser = abuser(&gateway);
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-bad\r\nconnection: \
                close\r\ncontent-type: application/json\r\n";
    let sized =
        |body: &[u8]| [format!("{head}content-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat();
    let with = |headers: &str, body: &str| format!("{head}{headers}\r\n\r\n{body}").into_bytes();
    let deep = format!(r#"{{"model":"m","messages":{}"#, "[".repeat(90_000));
    let chunk = format!("30d40\r\n{}\r\n", " ".repeat(200_000));
    for (what, bytes, statuses) in [
        ("a large body", sized(&vec![b' '; 150_000]), &[413][..]),
        ("a huge body", sized(&vec![b' '; 5_000_000]), &[413]),
        ("chunks without end", with("transfer-encoding: chunked", &chunk.repeat(10)), &[413]),
        ("nesting without end", sized(deep.as_bytes()), &[400]),
        ("half an object", sized(br#"{"model":"m""#), &[400]),
        ("no JSON", sized(&[0xff; 500]), &[400]),
        ("nothing", sized(b""), &[400]),
        ("no object", sized(b"[]"), &[400]),
        ("a key twice", sized(br#"{"model":"m","model":"n","messages":[]}"#), &[400]),
        ("a packed body", with("content-encoding: gzip\r\ncontent-length: 2", "{}"), &[415]),
        ("no number as length", with("content-length: -1", ""), &[400]),
        ("two lengths", with("content-length: 2\r\ncontent-length: 3", "{}"), &[400]),
        ("a length and chunks", with("content-length: 2\r\ntransfer-encoding: chunked", "{}"), &[400]),
        ("no chunks", with("transfer-encoding: chunked", "zzz\r\n{}"), &[400]),
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), &[400]),
    ] {
        let end = abuser.exchange(&bytes).await;
        assert!(end.status.is_some_and(|status| statuses.contains(&status)), "{what}: {:?}", end.status);
    }
    // It may be cut off before it has seen its answer.
    let end = abuser.exchange(&[head.as_bytes(), &[b'a'; 300_000]].concat()).await;
    assert!(
        end.status.is_none_or(|status| matches!(status, 400 | 431)),
        "a head without end: {:?}",
        end.status
    );
    let head = "POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-bad\r\nconnection: \
                close\r\ncontent-type: multipart/form-data; boundary=b\r\n";
    for (what, rest, status) in [
        ("a packed form", "content-encoding: br\r\ncontent-length: 2\r\n\r\n{}", 415),
        ("a form of an exabyte", "content-length: 1000000000000000000\r\n\r\n--b", 413),
        ("no form", "content-length: 4\r\n\r\nnone", 400),
    ] {
        let end = abuser.exchange(format!("{head}{rest}").as_bytes()).await;
        assert_eq!(end.status, Some(status), "{what}: {:?}", end.bytes.escape_ascii().to_string());
    }
    is_served(&gateway, "after all that").await;
    assert_eq!(gateway.ledger().uploads, 1, "nothing of it was queued");
}

#[tokio::test]
async fn an_address_with_its_fill_of_connections_is_cut_off_and_no_other() {
    let settings = [("BATCH_GPT_MAX_CONNECTIONS_PER_ADDRESS", "20"), ("BATCH_GPT_HEAD_SECONDS", "3600")];
    let gateway = gateway(&settings).await;
    let abuser = abuser(&gateway);
    let mut held: FuturesUnordered<_> = (0..25).map(|_| is_closed(abuser)).collect();
    for _ in 0..5 {
        timeout(PATIENCE, held.next()).await.expect("five of 25 are cut off");
    }
    is_served(&gateway, "from another address").await;
    let sixth = timeout(SECOND, held.next()).await;
    assert!(sixth.is_err(), "twenty are held");
    drop(held);
    until(async || abuser.post(Some("sk-bad"), &body("again")).await.status == Some(200)).await;
}

/// Connects, and waits until that is cut off.
async fn is_closed(abuser: Abuser) {
    if let Ok(mut socket) = abuser.connect().await {
        while socket.read(&mut [0; 64]).await.is_ok_and(|bytes| bytes > 0) {}
    }
}

#[tokio::test]
async fn a_tenant_has_no_more_open_requests_than_each_may_have() {
    let settings = [("BATCH_GPT_MAX_OPEN_REQUESTS_PER_TENANT", "2"), ("BATCH_GPT_CACHE", "off")];
    let gateway = Gateway::with(Duration::from_secs(3600), &[&[KEYS][..], &settings].concat()).await;
    let later = async |key: &str| {
        let call = gateway.chat_as(key, "m", "x").header("prefer", "respond-async");
        call.send().await.unwrap().status().as_u16()
    };
    assert_eq!((later("sk-bad").await, later("sk-bad").await), (202, 202));
    assert_eq!(later("sk-bad").await, 429);
    assert_eq!((later("sk-good").await, later("sk-good").await), (202, 202));
}
