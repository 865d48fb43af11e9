//! `compose.yaml` and the settings that it asks for.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    repository::{default_of, is_secret, read, root, variables},
    yaml::{document, parse},
};

fn compose() -> Value {
    document("compose.yaml")
}

/// The names in `${NAME…}`.
fn wanted(text: &str) -> BTreeSet<String> {
    let uses = text.split("${").skip(1).map(|rest| rest.split(['}', ':']).next().unwrap().to_owned());
    uses.collect()
}

#[test]
fn the_gateway_is_set_up_by_settings_that_there_are() {
    let (compose, variables) = (compose(), variables());
    let settings = compose["services"]["gateway"]["environment"].as_object().unwrap();
    for name in settings.keys() {
        assert!(variables.contains(name), "{name} is no setting");
        let value = settings[name].as_str().unwrap();
        assert!(!is_secret(name) || value.starts_with("${"), "{name} is written down");
    }
}

#[test]
fn what_has_to_be_filled_in_stands_in_the_sample() {
    let sample = read("deploy/env.sample");
    let named: BTreeSet<_> =
        sample.lines().filter(|line| line.contains('=')).map(|line| line.trim_start_matches('#')).collect();
    let named: BTreeSet<String> =
        named.iter().map(|line| line.split('=').next().unwrap().to_owned()).collect();
    let wanted = wanted(&read("compose.yaml"));
    assert_eq!(wanted, named);
    let variables = variables();
    assert!(named.iter().all(|name| variables.contains(name)), "{named:?}");
    for line in sample.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.split_once('=').unwrap();
        assert!(!is_secret(name) || value.is_empty(), "{name} has a value that somebody would keep");
    }
}

#[test]
fn a_stop_gets_the_time_that_it_takes() {
    let compose = compose();
    let gateway = &compose["services"]["gateway"];
    let drain: u64 = gateway["environment"]["BATCH_GPT_DRAIN_SECONDS"].as_str().unwrap().parse().unwrap();
    let grace: u64 =
        gateway["stop_grace_period"].as_str().unwrap().strip_suffix('s').unwrap().parse().unwrap();
    // Behind the drain: five seconds each for the journal and for the last answers.
    assert!(grace >= drain + 10);
    assert_eq!(default_of("BATCH_GPT_DRAIN_SECONDS"), "30");
}

#[test]
fn nothing_is_reachable_from_elsewhere_and_no_more_is_allowed_than_needed() {
    let compose = compose();
    for (name, service) in compose["services"].as_object().unwrap() {
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name}: {port}");
        }
        let image = service["image"].as_str().unwrap();
        let own = service.get("build").is_some();
        assert!(
            own || image.split_once(':').is_some_and(|(_, tag)| tag != "latest"),
            "{image} is not pinned"
        );
    }
    let gateway = &compose["services"]["gateway"];
    assert_eq!(gateway["read_only"], true);
    assert_eq!(gateway["cap_drop"], serde_json::json!(["ALL"]));
    assert_eq!(gateway["security_opt"], serde_json::json!(["no-new-privileges:true"]));
    assert!(gateway["ulimits"]["nofile"]["soft"].as_u64().unwrap() >= 100_000);
}

#[test]
fn what_is_mounted_is_there_and_what_is_named_is_declared() {
    let compose = compose();
    let declared: BTreeSet<_> = compose["volumes"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut used = BTreeSet::new();
    for service in compose["services"].as_object().unwrap().values() {
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let source = volume.as_str().unwrap().split(':').next().unwrap();
            match source.strip_prefix("./") {
                Some(path) => assert!(root().join(path).exists(), "{path} is nowhere"),
                None => drop(used.insert(source.to_owned())),
            }
        }
        for other in ["configs"].iter().flat_map(|kind| service[kind].as_array().into_iter().flatten()) {
            let source = other["source"].as_str().unwrap();
            assert!(compose["configs"].get(source).is_some(), "{source} is not declared");
        }
    }
    assert_eq!(used.iter().map(String::as_str).collect::<BTreeSet<_>>(), declared);
}

/// The two files that are written here instead of mounted say the same as those of a developer, but for addresses.
#[test]
fn those_who_watch_see_what_a_developer_sees() {
    let compose = compose();
    let inner = |name: &str| {
        let text = compose["configs"][name]["content"].as_str().unwrap();
        parse(text).unwrap_or_else(|error| panic!("{name}: {error}")).remove(0)
    };
    let (here, there) = (inner("prometheus"), document("local/prometheus/prometheus.yml"));
    for member in ["global", "rule_files"] {
        assert_eq!(here[member], there[member]);
    }
    let job = &here["scrape_configs"][0];
    assert_eq!(job["job_name"], there["scrape_configs"][0]["job_name"]);
    assert_eq!(job["static_configs"][0]["targets"], serde_json::json!(["gateway:8080"]));
    let mut there = document("local/grafana/provisioning/datasources/prometheus.yml");
    there["datasources"][0]["url"] = "http://prometheus:9090".into();
    assert_eq!(inner("datasources"), there);
    let images = document("local/compose.yaml");
    for service in ["mongodb", "prometheus", "grafana"] {
        assert_eq!(compose["services"][service]["image"], images["services"][service]["image"]);
    }
}
