//! The document of the API against the gateway that serves it.

use std::collections::{BTreeMap, BTreeSet};

use batch_gpt::http::operations::Audience;
use reqwest::Method;
use serde_json::Value;

use crate::process::Gateway;

/// Members of a path that are methods.
const METHODS: [&str; 4] = ["delete", "get", "post", "put"];

fn document() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Each path with its operations.
fn operations(document: &Value) -> BTreeMap<&str, BTreeMap<&'static str, &Value>> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().map(|(path, item)| (path.as_str(), methods(item))).collect()
}

fn methods(path: &Value) -> BTreeMap<&'static str, &Value> {
    METHODS.iter().filter_map(|method| Some((*method, path.get(method)?))).collect()
}

fn each<'a>(value: &'a Value, visit: &mut impl FnMut(&'a str, &'a Value)) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                visit(name, member);
                each(member, visit);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| each(item, visit)),
        _ => {}
    }
}

#[test]
fn the_document_hangs_together() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut named = BTreeSet::new();
    each(&document, &mut |name, value| {
        if name == "$ref" {
            let place = value.as_str().unwrap().strip_prefix('#').unwrap();
            assert!(document.pointer(place).is_some(), "{place} is nowhere");
            named.insert(place.to_owned());
        }
    });
    for kind in ["parameters", "headers", "responses", "schemas"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            assert!(named.contains(&format!("/components/{kind}/{name}")), "nobody needs {kind}/{name}");
        }
    }
    let tags: BTreeSet<_> =
        document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).map(Value::to_string).collect();
    let mut ids = BTreeSet::new();
    for (path, methods) in operations(&document) {
        for (method, operation) in methods {
            let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no id"));
            assert!(ids.insert(id), "{id} comes twice");
            assert!(
                operation["tags"].as_array().unwrap().iter().all(|tag| tags.contains(&tag.to_string())),
                "{id}"
            );
            assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{id}");
            let names: BTreeSet<_> =
                path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let parameters = parameters.map(|parameter| {
                parameter["$ref"].as_str().map_or(parameter, |place| document.pointer(&place[1..]).unwrap())
            });
            let given: BTreeSet<_> = parameters
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            assert_eq!(names, given, "{id}");
        }
    }
    each(&document, &mut |name, value| {
        if name == "operationId" {
            assert!(ids.contains(value.as_str().unwrap()), "a link leads to {value}, which is nowhere");
        }
    });
}

#[tokio::test]
async fn the_gateway_serves_the_document_to_everybody() {
    let gateway = Gateway::with(std::time::Duration::ZERO, &[("BATCH_GPT_API_KEYS", "a:sk-a")]).await;
    let response = gateway.client.get(format!("{}/openapi.json", gateway.root())).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (200, &"application/json".parse().unwrap())
    );
    assert_eq!(response.json::<Value>().await.unwrap(), document());
}

#[test]
fn every_operation_stands_in_the_document_and_no_other() {
    let document = document();
    let told: BTreeMap<(String, String), &Value> = operations(&document)
        .into_iter()
        .flat_map(|(path, methods)| {
            methods.into_iter().map(move |(method, told)| ((method.to_uppercase(), path.to_owned()), told))
        })
        .collect();
    let there: BTreeMap<(String, String), Audience> = batch_gpt::http::operations::operations()
        .iter()
        .map(|operation| ((operation.method.to_string(), operation.path()), operation.audience))
        .collect();
    assert_eq!(told.keys().collect::<Vec<_>>(), there.keys().collect::<Vec<_>>());
    for (operation, audience) in there {
        let told = told[&operation];
        let open = told.get("security") == Some(&Value::Array(Vec::new()));
        assert_eq!(open, audience == Audience::Anybody, "{operation:?} wants a key, or none");
        let answers = told["responses"].as_object().unwrap();
        assert_eq!(answers.contains_key("401"), audience != Audience::Anybody, "{operation:?}");
        let some = matches!(audience, Audience::Administrators | Audience::TenantsAlone);
        assert_eq!(answers.contains_key("403"), some, "{operation:?}");
    }
}

/// A method that stands nowhere is answered with those that there are.
#[tokio::test]
async fn every_path_of_the_document_has_the_methods_that_it_says() {
    let gateway = Gateway::start().await;
    for (path, methods) in operations(&document()) {
        let expected: BTreeSet<String> = methods.keys().map(|method| method.to_uppercase()).collect();
        for path in [Some(path), path.strip_prefix("/v1")].into_iter().flatten() {
            let url = format!("{}{}", gateway.root(), path.replace("{id}", "x"));
            let response =
                gateway.client.request(Method::PATCH, url).bearer_auth("any").send().await.unwrap();
            assert_eq!(response.status(), 405, "{path}");
            let allowed = response.headers()["allow"].to_str().unwrap();
            let allowed: BTreeSet<String> = allowed.split(", ").map(str::to_owned).collect();
            assert_eq!(allowed, expected, "{path}");
        }
    }
}
