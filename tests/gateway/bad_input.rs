use std::time::Duration;

use serde_json::Value;

use crate::process::Gateway;

struct Case {
    name: &'static str,
    body: Vec<u8>,
    status: u16,
    param: Option<&'static str>,
    code: Option<&'static str>,
}

fn case(
    name: &'static str,
    body: impl Into<Vec<u8>>,
    status: u16,
    param: Option<&'static str>,
    code: Option<&'static str>,
) -> Case {
    Case { name, body: body.into(), status, param, code }
}

fn around(value: &[u8]) -> Vec<u8> {
    let head = br#"{"model":"m","messages":[{"role":"user","content":"#;
    [head, value, b"}]}"].concat()
}

fn check(name: &str, error: &Value, param: Option<&str>, code: Option<&str>) {
    let error = error["error"].as_object().unwrap_or_else(|| panic!("{name}: no error object in {error}"));
    let mut members: Vec<&str> = error.keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["code", "message", "param", "type"], "{name}");
    assert_eq!(error["type"], "invalid_request_error", "{name}");
    assert_eq!(error["param"].as_str(), param, "{name}: {error:?}");
    assert_eq!(error["code"].as_str(), code, "{name}: {error:?}");
    assert!(!error["message"].as_str().unwrap().is_empty(), "{name}");
}

/// Sends the bodies, with and without `/v1` in the address, and sees each refused and none queued.
async fn refused(cases: impl Fn() -> Vec<Case>) {
    let gateway = Gateway::start().await;
    for base in [gateway.url.clone(), gateway.root().to_owned()] {
        for case in cases() {
            let call = gateway.client.post(format!("{base}/chat/completions")).bearer_auth("any");
            let call = call.header("content-type", "application/json").body(case.body);
            let response = call.send().await.unwrap_or_else(|error| panic!("{}: {error}", case.name));
            assert_eq!(response.status(), case.status, "{}", case.name);
            assert_eq!(response.headers()["x-should-retry"], "false", "{}", case.name);
            assert_eq!(response.headers()["content-type"], "application/json", "{}", case.name);
            assert!(response.headers().contains_key("x-request-id"), "{}", case.name);
            check(case.name, &response.json().await.unwrap(), case.param, case.code);
        }
    }
    nothing_is_queued(&gateway).await;
}

#[tokio::test]
async fn case_07_a_body_without_its_members_is_refused_before_anything_is_queued() {
    let missing = Some("missing_required_parameter");
    let invalid_type = Some("invalid_type");
    let (model, messages) = (Some("model"), Some("messages"));
    refused(|| {
        vec![
            case("no model", r#"{"messages":[1]}"#, 400, model, missing),
            case("an empty model", r#"{"model":"","messages":[1]}"#, 400, model, missing),
            case("a number as model", r#"{"model":4,"messages":[1]}"#, 400, model, invalid_type),
            case("null as model", r#"{"model":null,"messages":[1]}"#, 400, model, invalid_type),
            case("no messages", r#"{"model":"m"}"#, 400, messages, missing),
            case("empty messages", r#"{"model":"m","messages":[]}"#, 400, messages, Some("empty_array")),
            case("messages in a string", r#"{"model":"m","messages":"hi"}"#, 400, messages, invalid_type),
            case("messages in an object", r#"{"model":"m","messages":{"0":1}}"#, 400, messages, invalid_type),
            case(
                "a stream of words",
                r#"{"model":"m","messages":[1],"stream":"yes"}"#,
                400,
                Some("stream"),
                invalid_type,
            ),
        ]
    })
    .await;
}

#[tokio::test]
async fn case_08_what_is_no_strict_json_or_has_a_key_twice_is_refused_before_anything_is_queued() {
    let nested =
        format!(r#"{{"model":"m","messages":[1],"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    refused(|| {
        vec![
            case("nothing", "", 400, None, None),
            case("no JSON", "model=m", 400, None, None),
            case("half of it", r#"{"model":"m","messages":["#, 400, None, None),
            case("more than one", r#"{"model":"m","messages":[1]}{}"#, 400, None, None),
            case("a byte order mark", "\u{feff}{\"model\":\"m\",\"messages\":[1]}", 400, None, None),
            case("UTF-16", [0xff, 0xfe, b'{', 0, b'}', 0], 400, None, None),
            case("an array", "[1]", 400, None, None),
            case("a string", r#""hi""#, 400, None, None),
            case("a key twice", r#"{"model":"m","messages":[1],"n":1,"n":1}"#, 400, Some("n"), None),
            case("a model twice", r#"{"model":"m","messages":[1],"model":"n"}"#, 400, Some("model"), None),
            case("invalid UTF-8 deep inside", around(b"\"\xff\""), 400, None, None),
            case("a lone surrogate deep inside", around(br#""\ud800""#), 400, None, None),
            case("a number no double holds", around(b"1e999"), 400, None, None),
            case("100,000 nested arrays", nested.clone(), 400, None, None),
        ]
    })
    .await;
}

#[tokio::test]
async fn case_09_a_body_above_the_limit_is_refused_before_anything_is_queued() {
    refused(|| vec![case("33 MiB", around(&vec![b' '; 33 << 20]), 413, None, Some("request_too_large"))])
        .await;
}

#[tokio::test]
async fn case_10_another_content_type_is_refused_before_anything_is_queued() {
    let gateway = Gateway::start().await;
    let body = r#"{"model":"m","messages":[1]}"#;
    for kind in ["text/plain", "multipart/form-data", ""] {
        let call = gateway.client.post(format!("{}/chat/completions", gateway.url)).bearer_auth("any");
        let response = call.header("content-type", kind).body(body).send().await.unwrap();
        assert_eq!(response.status(), 415, "{kind}");
        check(kind, &response.json().await.unwrap(), None, Some("unsupported_content_type"));
    }
    nothing_is_queued(&gateway).await;
}

#[tokio::test]
async fn case_11_unknown_paths_and_wrong_methods_are_told_so() {
    let gateway = Gateway::start().await;
    for path in ["/v1/nope", "/nope", "/v1", "/ui/", "/v1/chat", "/v1/chat/completions/x/y", "/v2/batches"] {
        let response = gateway.get(path).await;
        assert_eq!(response.status(), 404, "{path}");
        check(path, &response.json().await.unwrap(), None, None);
    }
    for (method, path, allowed) in [
        ("GET", "/v1/chat/completions", "POST"),
        ("PUT", "/chat/completions", "POST"),
        ("DELETE", "/v1/batches", "GET, POST"),
        ("PUT", "/v1/files", "GET, POST"),
        ("POST", "/v1/files/file-1", "GET, DELETE"),
        ("POST", "/v1/models", "GET"),
        ("PUT", "/v1/responses", "POST"),
        ("GET", "/v1/batches/batch_1/cancel", "POST"),
        ("POST", "/v1/batches/batch_1", "GET"),
        ("POST", "/livez", "GET"),
    ] {
        let call = gateway.client.request(method.parse().unwrap(), format!("{}{path}", gateway.root()));
        let response = call.bearer_auth("any").send().await.unwrap();
        assert_eq!(response.status(), 405, "{method} {path}");
        assert_eq!(response.headers()["allow"], allowed, "{method} {path}");
        check(path, &response.json().await.unwrap(), None, Some("method_not_supported"));
    }
}

#[tokio::test]
async fn an_unknown_batch_and_a_senseless_page_are_refused() {
    let gateway = Gateway::start().await;
    for path in
        ["/v1/batches/batch_none", "/batches/batch_none", "/v1/batches/%00", "/v1/batches?after=batch_none"]
    {
        let response = gateway.get(path).await;
        assert_eq!(response.status(), 404, "{path}");
        check(path, &response.json().await.unwrap(), None, None);
    }
    let cancel = gateway.client.post(format!("{}/batches/batch_none/cancel", gateway.url));
    let response = cancel.bearer_auth("any").send().await.unwrap();
    assert_eq!(response.status(), 404);
    check("cancel", &response.json().await.unwrap(), None, None);
    for limit in ["0", "101", "-1", "many", ""] {
        let response = gateway.get(&format!("/v1/batches?limit={limit}")).await;
        assert_eq!(response.status(), 400, "{limit}");
        check(limit, &response.json().await.unwrap(), Some("limit"), Some("invalid_value"));
    }
}

async fn nothing_is_queued(gateway: &Gateway) {
    // Longer than the window: what was queued would be on its way by now.
    tokio::time::sleep(Duration::from_millis(600)).await;
    for collector in gateway.actors("Collector").await {
        assert_eq!(collector["own"]["waiting_requests"], 0, "{collector}");
        assert_eq!(collector["by_message"].get("Enqueue"), None, "{collector}");
    }
    assert_eq!(gateway.ledger().uploads, 0);
}

#[tokio::test]
async fn case_12_configured_keys_are_asked_for() {
    let keys = [("BATCH_GPT_API_KEYS", "evals:sk-right")];
    let gateway = Gateway::with(Duration::from_millis(100), &keys).await;
    let url = format!("{}/batches", gateway.url);
    let wrong = gateway.client.get(&url).bearer_auth("sk-wrong").send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    check("wrong", &wrong.json().await.unwrap(), None, Some("invalid_api_key"));
    let none = gateway.client.get(&url).send().await.unwrap();
    assert_eq!(none.status(), 401);
    check("none", &none.json().await.unwrap(), None, None);
    let right = gateway.client.get(&url).bearer_auth("sk-right").send().await.unwrap();
    assert_eq!(right.status(), 200);
}

/// The gateway has no list of models: which there are is the upstream's business, and its refusal the client's answer.
#[tokio::test]
async fn case_13_a_model_that_the_upstream_refuses_is_an_error_for_its_client_alone() {
    let gateway = Gateway::start().await;
    let (refused, served) =
        tokio::join!(gateway.chat("unsupported-model", "x").send(), gateway.chat("m", "x").send());
    let refused = refused.unwrap();
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.headers()["x-should-retry"], "false");
    check("model", &refused.json().await.unwrap(), Some("body.model"), Some("model_not_found"));
    assert_eq!(served.unwrap().status(), 200);
}
