use std::time::Duration;

use reqwest::{
    RequestBuilder, Response,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    process::{Gateway, PATIENCE, UPSTREAM_KEY, simulator},
    stand_in::{self, StandIn},
};

const TENANTS: [(&str, &str); 2] =
    [("BATCH_GPT_API_KEYS", "a:sk-a,b:sk-b"), ("BATCH_GPT_ADMIN_KEY", "sk-admin")];

fn ask(gateway: &Gateway, key: &str, method: &str, path: &str) -> RequestBuilder {
    gateway.client.request(method.parse().unwrap(), format!("{}{path}", gateway.url)).bearer_auth(key)
}

async fn status(call: RequestBuilder) -> u16 {
    call.send().await.unwrap().status().as_u16()
}

async fn value(call: RequestBuilder) -> Value {
    let response = call.send().await.unwrap();
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    response.json().await.unwrap()
}

/// Three lines for a batch, the middle one to fail.
fn lines() -> String {
    let line = |n: u8, prompt: &str| {
        let body = json!({ "model": "m", "messages": [{ "role": "user", "content": prompt }] });
        json!({ "custom_id": format!("{n}"), "method": "POST", "url": "/v1/chat/completions", "body": body })
    };
    format!("{}\n{}\n{}\n", line(1, "one"), line(2, "two [[status:400]]"), line(3, "three"))
}

async fn upload(gateway: &Gateway, key: &str, content: impl Into<Vec<u8>>) -> Value {
    let part = Part::bytes(content.into()).file_name("mine.jsonl");
    let form = Form::new().text("purpose", "batch").part("file", part);
    value(ask(gateway, key, "POST", "/files").multipart(form)).await
}

async fn order(gateway: &Gateway, key: &str, file: &str) -> Response {
    let order = json!({
        "input_file_id": file,
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": { "mine": "yes" },
    });
    ask(gateway, key, "POST", "/batches").json(&order).send().await.unwrap()
}

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|object| object["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_file_of_twenty_megabytes_goes_up_and_comes_down_byte_for_byte() {
    let gateway = Gateway::start().await;
    let mut content = lines().into_bytes();
    let mut state = 1u32;
    content.extend((0..20_000_000).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    }));
    let file = upload(&gateway, "any", content.clone()).await;
    assert_eq!(
        (file["bytes"].as_u64(), file["filename"].as_str()),
        (Some(content.len() as u64), Some("mine.jsonl"))
    );
    let path = format!("/files/{}", file["id"].as_str().unwrap());
    assert_eq!(value(ask(&gateway, "any", "GET", &path)).await, file);
    let down = ask(&gateway, "any", "GET", &format!("{path}/content")).send().await.unwrap();
    assert_eq!(down.headers()["content-type"], "application/octet-stream");
    assert_eq!(down.headers()["content-length"], content.len().to_string().as_str());
    assert!(down.headers().contains_key("x-batch-gpt-upstream-request-id"));
    assert!(down.bytes().await.unwrap() == content);
    let gone = value(ask(&gateway, "any", "DELETE", &path)).await;
    assert_eq!(gone["deleted"], true);
    let missing = ask(&gateway, "any", "GET", &path).send().await.unwrap();
    assert_eq!(missing.status(), 404);
    assert_eq!(missing.json::<Value>().await.unwrap()["error"]["param"], "id");
}

#[tokio::test]
async fn the_upstreams_own_refusal_of_a_file_reaches_the_client() {
    let gateway = Gateway::start().await;
    let form =
        Form::new().text("purpose", "batch").part("file", Part::bytes(vec![]).file_name("empty.jsonl"));
    let refused = ask(&gateway, "any", "POST", "/files").multipart(form).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    let direct = gateway.client.post(format!("{}/files", gateway.simulator.base_url())).bearer_auth("any");
    let form =
        Form::new().text("purpose", "batch").part("file", Part::bytes(vec![]).file_name("empty.jsonl"));
    let direct = direct.multipart(form).send().await.unwrap();
    assert_eq!(refused.text().await.unwrap(), direct.text().await.unwrap());
}

#[tokio::test]
async fn files_are_their_tenants_own() {
    let gateway = Gateway::with(Duration::from_millis(100), &TENANTS).await;
    assert_eq!(
        gateway.chat_as("sk-a", "m", "makes files of the gateway's").send().await.unwrap().status(),
        200
    );
    let mut own = Vec::new();
    for _ in 0..3 {
        own.push(upload(&gateway, "sk-a", lines()).await["id"].as_str().unwrap().to_owned());
    }
    let theirs = upload(&gateway, "sk-b", lines()).await;
    own.reverse();
    assert_eq!(ids(&value(ask(&gateway, "sk-a", "GET", "/files")).await), own);
    assert_eq!(ids(&value(ask(&gateway, "sk-b", "GET", "/files")).await), [theirs["id"].as_str().unwrap()]);
    let first = value(ask(&gateway, "sk-a", "GET", "/files?limit=2&purpose=batch")).await;
    assert_eq!((ids(&first), first["has_more"].as_bool()), (vec![&*own[0], &*own[1]], Some(true)));
    let rest = value(ask(&gateway, "sk-a", "GET", &format!("/files?limit=2&after={}", own[1]))).await;
    assert_eq!((ids(&rest), rest["has_more"].as_bool()), (vec![&*own[2]], Some(false)));
    assert!(ids(&value(ask(&gateway, "sk-admin", "GET", "/files")).await).len() > 4);
    for (method, path) in [("GET", ""), ("GET", "/content"), ("DELETE", "")] {
        let path = format!("/files/{}{path}", own[0]);
        assert_eq!(status(ask(&gateway, "sk-b", method, &path)).await, 404, "{method} {path}");
    }
    assert_eq!(status(ask(&gateway, "sk-b", "GET", &format!("/files?after={}", own[0]))).await, 404);
    assert_eq!(status(ask(&gateway, "sk-a", "GET", "/files?limit=0")).await, 400);
    assert_eq!(status(ask(&gateway, "sk-wrong", "GET", "/files")).await, 401);
    assert_eq!(status(ask(&gateway, "sk-a", "GET", &format!("/files/{}/content", own[0]))).await, 200);
}

#[tokio::test]
async fn a_batch_that_a_client_makes_is_listed_fresh_and_its_tenants_own() {
    let gateway = Gateway::with(Duration::from_millis(500), &TENANTS).await;
    let file = upload(&gateway, "sk-a", lines()).await["id"].as_str().unwrap().to_owned();
    let strangers = order(&gateway, "sk-b", &file).await;
    assert_eq!(strangers.status(), 400);
    assert_eq!(strangers.json::<Value>().await.unwrap()["error"]["param"], "input_file_id");
    assert_eq!(gateway.ledger().batches.len(), 0);
    let made = order(&gateway, "sk-a", &file).await;
    assert_eq!(made.status(), 200);
    let made: Value = made.json().await.unwrap();
    assert_eq!(made["metadata"], json!({ "mine": "yes" }));
    let path = format!("/batches/{}", made["id"].as_str().unwrap());
    let wait = async {
        loop {
            let batch = value(ask(&gateway, "sk-a", "GET", &path)).await;
            if batch["status"] == "completed" {
                break batch;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let batch = tokio::time::timeout(PATIENCE, wait).await.unwrap();
    assert_eq!(status(ask(&gateway, "sk-b", "GET", &path)).await, 404);
    assert_eq!(status(ask(&gateway, "sk-b", "POST", &format!("{path}/cancel"))).await, 404);
    assert_eq!(status(ask(&gateway, "sk-a", "POST", &format!("{path}/cancel"))).await, 409);
    for results in ["output_file_id", "error_file_id"] {
        let path = format!("/files/{}/content", batch[results].as_str().unwrap());
        assert_eq!(status(ask(&gateway, "sk-b", "GET", &path)).await, 404, "{results}");
        let down = ask(&gateway, "sk-a", "GET", &path).send().await.unwrap();
        assert!(down.text().await.unwrap().contains("custom_id"), "{results}");
    }
    assert_eq!(gateway.chat_as("sk-a", "m", "a batch of the gateway's").send().await.unwrap().status(), 200);
    let listed = value(ask(&gateway, "sk-a", "GET", "/batches")).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    assert!(listed["data"].as_array().unwrap().contains(&batch));
    assert_eq!(ids(&value(ask(&gateway, "sk-b", "GET", "/batches")).await), [""; 0]);
    assert!(ids(&value(ask(&gateway, "sk-admin", "GET", "/batches")).await).len() == 2);
}

#[tokio::test]
async fn a_batch_that_a_client_makes_can_be_cancelled_and_its_order_is_judged_upstream() {
    let gateway = Gateway::with(Duration::from_secs(3600), &[]).await;
    let file = upload(&gateway, "any", lines()).await["id"].as_str().unwrap().to_owned();
    let made: Value = order(&gateway, "any", &file).await.json().await.unwrap();
    let path = format!("/batches/{}", made["id"].as_str().unwrap());
    let cancelled = value(ask(&gateway, "any", "POST", &format!("{path}/cancel"))).await;
    assert!(["cancelling", "cancelled"].contains(&cancelled["status"].as_str().unwrap()), "{cancelled}");
    let unknown = order(&gateway, "any", "file-nobody").await;
    assert_eq!(unknown.status(), 200, "the upstream judges what an administrator orders");
    let wrong = json!({ "input_file_id": file, "endpoint": "/v1/nowhere", "completion_window": "24h" });
    let wrong = ask(&gateway, "any", "POST", "/batches").json(&wrong).send().await.unwrap();
    assert_eq!(wrong.status(), 400);
    assert_eq!(wrong.json::<Value>().await.unwrap()["error"]["param"], "endpoint");
    let batches = gateway.ledger().batches.len();
    let marked = json!({
        "input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h",
        "metadata": { "batch_gpt_key": "bgk_00000000000000000000000000000001" },
    });
    let marked = ask(&gateway, "any", "POST", "/batches").json(&marked).send().await.unwrap();
    assert_eq!(marked.status(), 400);
    assert_eq!(marked.json::<Value>().await.unwrap()["error"]["param"], "metadata");
    assert_eq!(gateway.ledger().batches.len(), batches, "it never reaches the upstream");
}

#[tokio::test]
async fn models_are_asked_for_with_the_gateways_key_and_as_the_client_spelt_them() {
    let upstream = StandIn::start(|line| match line.split(' ').nth(1).unwrap() {
        "/v1/models" => {
            stand_in::json("200 OK", "x-request-id: req_theirs\r\nset-cookie: a=b\r\n", r#"{"data":[ ]}"#)
        }
        "/v1/models/refused" => stand_in::json("401 Unauthorized", "", r#"{"error":{"message":"x"}}"#),
        "/v1/models/moved" => stand_in::json("302 Found", "location: http://127.0.0.1:1/\r\n", "{}"),
        "/v1/models/html" => "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\n\r\n<html>".into(),
        "/v1/models/slow" => stand_in::json(
            "429 Too Many Requests",
            "retry-after: 900\r\n",
            r#"{"error":{"message":"x","type":"t","param":null,"code":null}}"#,
        ),
        "/v1/models/cut" => "HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n{\"id\":".into(),
        _ => stand_in::json("200 OK", "", r#"{"id": "it"}"#),
    })
    .await;
    let settings = [("OPENAI_BASE_URL", upstream.url.as_str())];
    let gateway = Gateway::launch(simulator(Duration::ZERO).await, &settings, " serves ").await;
    let list = ask(&gateway, "sk-client", "GET", "/models").send().await.unwrap();
    assert_eq!(list.headers()["x-batch-gpt-upstream-request-id"], "req_theirs");
    assert_ne!(list.headers()["x-request-id"], "req_theirs");
    assert!(!list.headers().contains_key("set-cookie"));
    assert_eq!(list.text().await.unwrap(), r#"{"data":[ ]}"#);
    for id in ["ft:gpt-4o:org::1", "meta/llama:3", "meta%2Fllama%3A3"] {
        assert_eq!(value(ask(&gateway, "sk-client", "GET", &format!("/models/{id}"))).await["id"], "it");
        let head = upstream.heads().pop().unwrap();
        assert!(head.starts_with(&format!("GET /v1/models/{id} HTTP/1.1\r\n")), "{head}");
    }
    for (id, expected, code, again) in [
        ("refused", 502, Some("upstream_credentials_refused"), Some("false")),
        ("moved", 502, Some("upstream_redirected"), Some("false")),
        ("html", 502, None, Some("true")),
        ("slow", 429, None, None),
    ] {
        let response = ask(&gateway, "sk-client", "GET", &format!("/models/{id}")).send().await.unwrap();
        assert_eq!(response.status(), expected, "{id}");
        let header =
            |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("x-should-retry").as_deref(), again, "{id}");
        if id == "slow" {
            assert_eq!(header("retry-after").as_deref(), Some("60"));
        }
        let error: Value = response.json().await.unwrap();
        assert_eq!(error["error"].as_object().unwrap().len(), 4, "{error}");
        assert_eq!(error["error"]["code"].as_str(), code, "{error}");
    }
    let cut = ask(&gateway, "sk-client", "GET", "/models/cut").send().await;
    assert!(match cut {
        Ok(response) => response.bytes().await.is_err(),
        Err(_) => true,
    });
    let heads = upstream.heads().join("");
    assert!(heads.contains(UPSTREAM_KEY) && !heads.contains("sk-client"), "{heads}");
    let asked = upstream.heads().len();
    for dots in ["models/../files/file-1/content", "models/%2e%2e/files", "models/x%2F..%2F..%2Ffiles"] {
        let head =
            raw(&gateway, &format!("GET /v1/{dots} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk\r\n\r\n"))
                .await;
        assert!(head.starts_with("HTTP/1.1 404"), "{dots}: {head}");
    }
    assert_eq!(upstream.heads().len(), asked);
}

#[tokio::test]
async fn case_69_models_and_health_answer_while_the_upstream_is_down() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", nobody.local_addr().unwrap());
    drop(nobody);
    let settings = [("OPENAI_BASE_URL", url.as_str())];
    let gateway = Gateway::launch(simulator(Duration::ZERO).await, &settings, " serves ").await;
    for (method, path) in
        [("GET", "/models"), ("GET", "/models/m"), ("GET", "/files"), ("DELETE", "/files/f")]
    {
        let response = ask(&gateway, "any", method, path).send().await.unwrap();
        assert_eq!(response.status(), 502, "{path}");
        assert_eq!(response.headers()["x-should-retry"], "true", "{path}");
        assert_eq!(response.json::<Value>().await.unwrap()["error"]["code"], "upstream_unavailable");
    }
    let order = order(&gateway, "any", "file-1").await;
    assert_eq!(
        (order.status().as_u16(), &order.headers()["x-should-retry"]),
        (502, &"true".parse().unwrap())
    );
    for path in ["/livez", "/readyz", "/v1/batches", "/debug/actors"] {
        assert_eq!(gateway.get(path).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn an_upload_above_the_limit_is_refused_before_it_is_sent() {
    let gateway = Gateway::start().await;
    let head = raw(
        &gateway,
        &format!(
            "POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk\r\ncontent-length: {}\r\n\
             content-type: multipart/form-data; boundary=x\r\n\r\n",
            600u64 << 20
        ),
    )
    .await;
    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
    assert!(head.contains("x-should-retry: false"), "{head}");
}

/// The head of the answer to a request that no client would send.
async fn raw(gateway: &Gateway, request: &str) -> String {
    let mut socket = TcpStream::connect(gateway.root().strip_prefix("http://").unwrap()).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tokio::time::timeout(PATIENCE, socket.read_u8()).await.unwrap().unwrap());
    }
    String::from_utf8(head).unwrap()
}
