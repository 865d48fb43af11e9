//! Every operation, called with every kind of key. An operation that has no row here fails the test.

use std::{collections::BTreeSet, time::Duration};

use batch_gpt::http::operations::{Audience, operations};
use reqwest::{
    RequestBuilder,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

use crate::process::{Gateway, until};

const HOUR: Duration = Duration::from_secs(3600);
/// The own tenant, another one, and the administrator.
const KEYS: [(&str, &str); 4] = [
    ("BATCH_GPT_API_KEYS", "a:sk-own,b:sk-other"),
    ("BATCH_GPT_ADMIN_KEY", "sk-admin"),
    ("BATCH_GPT_MAX_WRONG_KEYS_PER_MINUTE", "1000"),
    ("BATCH_GPT_CACHE", "off"),
];

/// An operation, and how it is called on what the own tenant has.
struct Row {
    method: &'static str,
    /// The path as the list of operations tells it.
    pattern: &'static str,
    path: String,
    /// The administrator's path, where the owner's call uses up what it is about.
    second: Option<String>,
    content: Content,
    others: Others,
}

enum Content {
    Nothing,
    Json(Value),
    File,
}

/// What another tenant sees of it.
enum Others {
    /// It is not there.
    Missing,
    /// A list in which these words are not, which the owner and the administrator see.
    Without(String),
    /// The same as the owner.
    Alike,
    /// It is refused with this status.
    Refused(u16),
}

impl Row {
    fn new(method: &'static str, pattern: &'static str, id: &str, others: Others) -> Self {
        let path = pattern.replace("{id}", id);
        Self { method, pattern, path, second: None, content: Content::Nothing, others }
    }

    fn with(self, content: Content) -> Self {
        Self { content, ..self }
    }

    fn then(self, id: &str) -> Self {
        Self { second: Some(self.pattern.replace("{id}", id)), ..self }
    }

    /// All of a list, not its first page.
    fn whole(self) -> Self {
        Self { path: format!("{}?limit=100", self.path), ..self }
    }

    fn call(&self, gateway: &Gateway, path: &str, key: Option<&str>) -> RequestBuilder {
        let call = gateway.client.request(self.method.parse().unwrap(), format!("{}{path}", gateway.root()));
        let call = match &self.content {
            Content::Nothing => call,
            Content::Json(body) => call.json(body).header("prefer", "respond-async"),
            Content::File => call.multipart(form()),
        };
        match key {
            Some(key) => call.bearer_auth(key),
            None => call,
        }
    }
}

fn form() -> Form {
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }] });
    let line = json!({ "custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": body })
        .to_string();
    Form::new().text("purpose", "batch").part("file", Part::bytes(line.into_bytes()).file_name("x.jsonl"))
}

fn body(pattern: &str) -> Value {
    match pattern {
        "/v1/chat/completions" => json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }] }),
        "/v1/completions" => json!({ "model": "m", "prompt": "x" }),
        _ => json!({ "model": "m", "input": "x" }),
    }
}

/// Calls as the own tenant; gives the id of what came of it.
async fn own(gateway: &Gateway, path: &str, content: Content) -> String {
    let row = Row::new("POST", "", "", Others::Alike).with(content);
    let response = row.call(gateway, path, Some("sk-own")).send().await.unwrap();
    assert!(response.status().is_success(), "{path}: {}", response.text().await.unwrap());
    response.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

/// The own tenant's batch that the gateway has made.
async fn collated(gateway: &Gateway) -> String {
    let latest = async || {
        let call = gateway.client.get(format!("{}/overview/batches", gateway.url)).bearer_auth("sk-own");
        let page: Value = call.send().await.unwrap().json().await.unwrap();
        page["data"][0]["id"].as_str().map(str::to_owned)
    };
    until(async || latest().await.is_some()).await;
    latest().await.unwrap()
}

/// A row for each operation, with all that they need.
async fn rows(gateway: &Gateway) -> Vec<Row> {
    let mut rows = Vec::new();
    for (make, retrieve) in [
        ("/v1/chat/completions", "/v1/chat/completions/{id}"),
        ("/v1/completions", "/v1/completions/{id}"),
        ("/v1/embeddings", "/v1/embeddings/{id}"),
        ("/v1/responses", "/v1/responses/{id}"),
        ("/v1/moderations", "/v1/moderations/{id}"),
    ] {
        let id = own(gateway, make, Content::Json(body(make))).await;
        rows.push(Row::new("POST", make, "", Others::Alike).with(Content::Json(body(make))));
        rows.push(Row::new("GET", retrieve, &id, Others::Missing));
    }
    let chat = "/v1/chat/completions";
    let request = own(gateway, chat, Content::Json(body(chat))).await;
    let response = own(gateway, "/v1/responses", Content::Json(body("/v1/responses"))).await;
    let [file, second_file, input] = [
        own(gateway, "/v1/files", Content::File).await,
        own(gateway, "/v1/files", Content::File).await,
        own(gateway, "/v1/files", Content::File).await,
    ];
    let order = json!({ "input_file_id": input, "endpoint": chat, "completion_window": "24h" });
    let native = own(gateway, "/v1/batches", Content::Json(order.clone())).await;
    let batch = collated(gateway).await;
    let without = |words: &str| Others::Without(words.to_owned());
    rows.extend([
        Row::new("GET", "/v1/requests", "", without(&request)).whole(),
        Row::new("GET", "/v1/requests/{id}", &request, Others::Missing),
        Row::new("DELETE", "/v1/requests/{id}", &request, Others::Missing),
        Row::new("POST", "/v1/responses/{id}/cancel", &response, Others::Missing),
        Row::new("GET", "/v1/models", "", Others::Alike),
        Row::new("GET", "/v1/models/{id}", "gpt-4o-mini", Others::Alike),
        Row::new("POST", "/v1/files", "", Others::Alike).with(Content::File),
        Row::new("GET", "/v1/files", "", without(&file)).whole(),
        Row::new("GET", "/v1/files/{id}", &file, Others::Missing),
        Row::new("GET", "/v1/files/{id}/content", &file, Others::Missing),
        Row::new("DELETE", "/v1/files/{id}", &file, Others::Missing).then(&second_file),
        Row::new("POST", "/v1/batches", "", Others::Refused(400)).with(Content::Json(order)),
        Row::new("GET", "/v1/batches", "", without(&batch)).whole(),
        Row::new("GET", "/v1/batches", "", without(&native)).whole(),
        Row::new("GET", "/v1/batches/{id}", &batch, Others::Missing),
        Row::new("GET", "/v1/batches/{id}", &native, Others::Missing),
        Row::new("GET", "/v1/overview", "", without(r#""tenant":"a""#)),
        Row::new("GET", "/v1/overview/batches", "", without(&batch)),
        Row::new("GET", "/v1/overview/batches/{id}", &batch, Others::Missing),
        Row::new("POST", "/v1/batches/{id}/cancel", &batch, Others::Missing),
        Row::new("POST", "/v1/batches/{id}/cancel", &native, Others::Missing),
        Row::new("GET", "/livez", "", Others::Alike),
        Row::new("GET", "/readyz", "", Others::Alike),
        Row::new("GET", "/openapi.json", "", Others::Alike),
        Row::new("GET", "/metrics", "", Others::Refused(403)),
        Row::new("GET", "/debug/actors", "", Others::Refused(403)),
    ]);
    rows
}

/// Status and body.
async fn answer(call: RequestBuilder) -> (u16, String) {
    let response = call.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// Where the API stands at the root.
fn at_the_root(path: &str) -> &str {
    path.strip_prefix("/v1").unwrap_or(path)
}

#[tokio::test]
async fn every_operation_serves_those_whom_it_is_for_and_nobody_else() {
    let gateway = Gateway::with(HOUR, &KEYS).await;
    let rows = rows(&gateway).await;
    let operations = operations();
    let named = |method: &str, path: &str| format!("{method} {path}");
    let listed: BTreeSet<_> = rows.iter().map(|row| named(row.method, row.pattern)).collect();
    let offered: BTreeSet<_> =
        operations.iter().map(|operation| named(operation.method.as_str(), &operation.path())).collect();
    assert_eq!(listed, offered, "the rows of this test, and the operations of the gateway");

    for row in &rows {
        let is_meant = |method: &str, path: &str| method == row.method && path == row.pattern;
        let operation = operations
            .iter()
            .find(|operation| is_meant(operation.method.as_str(), &operation.path()))
            .unwrap();
        let what = format!("{} {}", row.method, row.path);
        let open = operation.audience == Audience::Anybody;
        let inside = operation.audience == Audience::Administrators;
        // Those who must not change anything come first.
        for path in [row.path.as_str(), at_the_root(&row.path)] {
            for (key, name) in [(None, "no key"), (Some("sk-wrong"), "a wrong key")] {
                let (status, text) = answer(row.call(&gateway, path, key)).await;
                assert_eq!(status, if open { 200 } else { 401 }, "{what} with {name}: {text}");
            }
            let (status, text) = answer(row.call(&gateway, path, Some("sk-other"))).await;
            match &row.others {
                Others::Missing => assert_eq!(status, 404, "{what} of another's: {text}"),
                Others::Refused(refusal) => assert_eq!(status, *refusal, "{what} by another: {text}"),
                Others::Alike => assert!((200..300).contains(&status), "{what} by another: {status} {text}"),
                Others::Without(words) => {
                    assert_eq!(status, 200, "{what} by another: {text}");
                    assert!(!text.contains(words), "{what} by another has {words}: {text}");
                }
            }
        }
        let (status, text) = answer(row.call(&gateway, &row.path, Some("sk-own"))).await;
        if inside {
            assert_eq!(status, 403, "{what} by a tenant: {text}");
        } else {
            assert!((200..300).contains(&status), "{what} by the owner: {status} {text}");
        }
        let path = row.second.as_deref().unwrap_or(&row.path);
        let (admin_status, admin_text) = answer(row.call(&gateway, path, Some("sk-admin"))).await;
        if operation.audience == Audience::TenantsAlone {
            assert_eq!(admin_status, 403, "{what} by the administrator: {admin_text}");
        } else {
            let fine = (200..300).contains(&admin_status);
            assert!(fine, "{what} by the administrator: {admin_status} {admin_text}");
        }
        if let Others::Without(words) = &row.others {
            assert!(text.contains(words), "{what} by the owner lacks {words}: {text}");
            assert!(admin_text.contains(words), "{what} by the administrator lacks {words}: {admin_text}");
        }
    }
}

#[tokio::test]
async fn without_an_administrators_key_this_machine_sees_the_inside_and_whoever_comes_by_a_proxy_does_not() {
    let gateway = Gateway::with(HOUR, &[("BATCH_GPT_API_KEYS", "a:sk-own")]).await;
    let inside = gateway.client.get(format!("{}/metrics", gateway.root()));
    assert_eq!(answer(inside.try_clone().unwrap()).await.0, 200);
    for header in ["forwarded", "via", "x-forwarded-for", "x-real-ip"] {
        let passed_on = inside.try_clone().unwrap().header(header, "192.0.2.1");
        assert_eq!(answer(passed_on).await.0, 401, "{header}");
    }
    let tenant = inside.header("x-forwarded-for", "192.0.2.1").bearer_auth("sk-own");
    assert_eq!(answer(tenant).await.0, 403);
}
