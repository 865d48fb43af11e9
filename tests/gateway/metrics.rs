use std::{collections::BTreeSet, time::Duration};

use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

use crate::{
    exposition::{Scrape, is_name},
    process::{Gateway, until},
};

async fn scrape(gateway: &Gateway) -> Scrape {
    let response = gateway.get("/metrics").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    Scrape::parse(&response.text().await.unwrap())
}

fn file(path: &str) -> String {
    std::fs::read_to_string(format!("{}/local/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The metrics that a query names: whatever begins as ours do.
fn named(query: &str) -> BTreeSet<String> {
    let words = query.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    words.filter(|word| word.starts_with("batch_gpt_")).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_text_is_strict_and_names_follow_the_conventions() {
    let gateway = Gateway::start().await;
    let scrape = scrape(&gateway).await;
    for (name, family) in &scrape.0 {
        assert!(is_name(name) && name.starts_with("batch_gpt_"), "{name}");
        assert_eq!(name.ends_with("_total"), family.kind == "counter", "{name} is a {}", family.kind);
        assert!(family.help.ends_with('.'), "{name}: {}", family.help);
        assert!(!family.samples.is_empty(), "{name} begins nowhere");
        for unit in ["_ms", "_millis", "_us", "_kb", "_mb"] {
            assert!(!name.contains(&format!("{unit}_")) && !name.ends_with(unit), "{name}");
        }
        for label in family.samples.iter().flat_map(|sample| sample.labels.keys()) {
            let few = [
                "by", "endpoint", "kind", "le", "outcome", "price", "reason", "result", "route", "shard",
                "state", "status", "version",
            ];
            assert!(few.contains(&label.as_str()), "{name} has the label {label}");
        }
        if family.kind == "histogram" {
            let buckets = family.samples.iter().filter(|sample| sample.name.ends_with("_bucket"));
            let buckets: Vec<f64> = buckets.map(|sample| sample.value).collect();
            assert!(buckets.is_sorted(), "{name}");
            assert_eq!(buckets.last().copied(), Some(count(family, "_count")), "{name}");
        }
    }
}

fn count(family: &crate::exposition::Family, suffix: &str) -> f64 {
    family.samples.iter().find(|sample| sample.name.ends_with(suffix)).unwrap().value
}

#[tokio::test]
async fn known_series_begin_at_nothing_and_count_what_happens() {
    let gateway = Gateway::start().await;
    let before = scrape(&gateway).await;
    let chat = ("endpoint", "/v1/chat/completions");
    let counts = [
        ("batch_gpt_requests_accepted_total", vec![chat], 3.0),
        ("batch_gpt_requests_ended_total", vec![chat, ("outcome", "answered")], 2.0),
        ("batch_gpt_requests_ended_total", vec![chat, ("outcome", "failed")], 1.0),
        ("batch_gpt_batches_created_total", vec![], 1.0),
        ("batch_gpt_batches_settled_total", vec![("status", "completed")], 1.0),
        ("batch_gpt_upstream_calls_total", vec![("kind", "upload"), ("outcome", "ok")], 1.0),
        ("batch_gpt_upstream_calls_total", vec![("kind", "create"), ("outcome", "ok")], 1.0),
        ("batch_gpt_http_responses_total", vec![("route", "/chat/completions"), ("status", "2xx")], 2.0),
        ("batch_gpt_http_responses_total", vec![("route", "/chat/completions"), ("status", "4xx")], 1.0),
        ("batch_gpt_requests_sent_again_total", vec![("reason", "failed")], 0.0),
        ("batch_gpt_batches_created_again_total", vec![], 0.0),
        ("batch_gpt_batches_orphaned_total", vec![], 0.0),
        ("batch_gpt_odd_lines_total", vec![("kind", "duplicate")], 0.0),
        ("batch_gpt_unpriced_answers_total", vec![], 0.0),
    ];
    for (name, labels, _) in &counts {
        assert_eq!(before.value(name, labels), 0.0, "{name} {labels:?}");
    }
    let call = |prompt| gateway.chat("gpt-4o-mini", prompt).send();
    let (one, two, bad) = tokio::join!(call("one"), call("two"), call("no [[status:400]]"));
    let statuses = [one, two, bad].map(|response| response.unwrap().status().as_u16());
    assert_eq!(statuses, [200, 200, 400]);
    until(async || {
        scrape(&gateway).await.value("batch_gpt_batches_settled_total", &[("status", "completed")]) == 1.0
    })
    .await;
    let after = scrape(&gateway).await;
    for (name, labels, value) in &counts {
        assert_eq!(after.value(name, labels), *value, "{name} {labels:?}");
    }
    for state in ["open", "waiting", "in_batch"] {
        assert_eq!(after.value("batch_gpt_requests", &[chat, ("state", state)]), 0.0, "{state}");
    }
    assert!(after.value("batch_gpt_tokens_total", &[("kind", "input")]) > 0.0);
    let cost = |price| after.value("batch_gpt_cost_dollars_total", &[("price", price)]);
    let saved = after.value("batch_gpt_saved_dollars_total", &[("by", "batch")]);
    assert!(cost("batch") > 0.0 && (cost("real_time") - cost("batch") - saved).abs() < 1e-9);
    let turnaround = &after.0["batch_gpt_request_turnaround_seconds"];
    assert_eq!(count(turnaround, "_count"), 3.0);
    assert!(after.value("batch_gpt_messages_handled_total", &[("kind", "Collector")]) > 0.0);
}

#[tokio::test]
async fn alert_rules_and_dashboard_name_only_metrics_that_there_are() {
    let gateway = Gateway::start().await;
    let scrape = scrape(&gateway).await;
    let names = scrape.names();
    let known = |query: &str, whence: &str| {
        let named = named(query);
        assert!(!named.is_empty() || query.starts_with("up{"), "{whence} asks for nothing: {query}");
        for name in named {
            assert!(names.contains(name.as_str()), "{whence} names {name}, which is nowhere");
        }
    };

    let rules = Yaml::load_from_str(&file("prometheus/alerts.yml")).unwrap();
    let rules = rules[0]["groups"][0]["rules"].as_sequence().unwrap();
    let mut alerts = BTreeSet::new();
    for rule in rules {
        let alert = rule["alert"].as_str().unwrap();
        assert!(alerts.insert(alert), "{alert} comes twice");
        known(rule["expr"].as_str().unwrap(), alert);
        assert!(["page", "warn"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{alert}");
        assert!(rule["annotations"]["summary"].as_str().unwrap().ends_with('.'), "{alert}");
    }
    assert!(alerts.len() >= 5);

    let dashboard: Value = serde_json::from_str(&file("grafana/dashboards/batch-gpt.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    for panel in panels {
        for target in panel["targets"].as_array().unwrap() {
            known(target["expr"].as_str().unwrap(), panel["title"].as_str().unwrap());
        }
    }
}

#[test]
fn what_starts_beside_the_gateway_is_sound_yaml_and_names_files_that_there_are() {
    let load =
        |path: &str| Yaml::load_from_str(&file(path)).unwrap_or_else(|error| panic!("{path}: {error}")).len();
    for path in [
        "compose.yaml",
        "grafana/provisioning/dashboards/batch-gpt.yml",
        "grafana/provisioning/datasources/prometheus.yml",
    ] {
        assert_eq!(load(path), 1, "{path}");
    }
    let text = file("prometheus/prometheus.yml");
    let settings = Yaml::load_from_str(&text).unwrap();
    let rules = settings[0]["rule_files"][0].as_str().unwrap();
    assert!(!file(&format!("prometheus/{rules}")).is_empty());
}

#[tokio::test]
async fn metrics_are_for_administrators_and_for_this_machine() {
    let keys = [("BATCH_GPT_API_KEYS", "a:sk-a"), ("BATCH_GPT_ADMIN_KEY", "sk-admin")];
    let gateway = Gateway::with(Duration::from_millis(100), &keys).await;
    for (key, status) in [("sk-a", 403), ("sk-wrong", 401), ("sk-admin", 200)] {
        let call = gateway.client.get(format!("{}/metrics", gateway.root())).bearer_auth(key);
        assert_eq!(call.send().await.unwrap().status(), status, "{key}");
    }
    let local = Gateway::start().await;
    let call = local.client.get(format!("{}/metrics", local.root())).send().await.unwrap();
    assert_eq!(call.status(), 200);
}
