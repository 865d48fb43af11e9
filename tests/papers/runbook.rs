//! `docs/operations.md`: every alert and every error has its place there.

use std::{collections::BTreeSet, path::PathBuf};

use crate::{
    repository::{files, read},
    yaml::document,
};

const RUNBOOK: &str = "docs/operations.md";

#[test]
fn every_alert_has_a_section_and_leads_to_it() {
    let runbook = read(RUNBOOK);
    let (_, alerts) = runbook.split_once("\n## Alerts\n").expect("a chapter of alerts");
    let alerts = alerts.split("\n## ").next().unwrap();
    let sections: Vec<&str> = alerts.split("\n### ").skip(1).collect();
    let named: BTreeSet<&str> = sections.iter().map(|section| section.lines().next().unwrap()).collect();
    for section in &sections {
        assert!(section.lines().filter(|line| !line.is_empty()).count() >= 3, "too short: {section}");
    }
    let mut known = BTreeSet::new();
    let rules = document("local/prometheus/alerts.yml");
    for rule in
        rules["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap())
    {
        let alert = rule["alert"].as_str().unwrap();
        let link =
            rule["annotations"]["runbook_url"].as_str().unwrap_or_else(|| panic!("{alert} leads nowhere"));
        let page = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/operations.md#");
        assert_eq!(link, format!("{page}{}", alert.to_lowercase()));
        known.insert(alert.to_owned());
    }
    assert_eq!(named, known.iter().map(String::as_str).collect());
}

/// The codes of errors that stand in the source.
fn codes() -> BTreeSet<String> {
    let sources = ["src", "actors/src"].iter().flat_map(|folder| files(folder));
    let mut codes = BTreeSet::new();
    for source in sources.filter(|path: &PathBuf| path.extension().is_some_and(|end| end == "rs")) {
        let text = read(source.to_str().unwrap());
        let text = text.split("#[cfg(test)]").next().unwrap();
        for call in text.split("ApiError::new(").skip(1) {
            let call: String = call.chars().take(200).collect();
            let second = call.split_once(',').map_or("", |(_, rest)| rest).trim_start();
            codes.extend(
                second.strip_prefix("Some(\"").and_then(|rest| rest.split('"').next()).map(str::to_owned),
            );
        }
        for call in text.split("::unavailable(\"").skip(1) {
            codes.insert(call.split('"').next().unwrap().to_owned());
        }
    }
    codes
}

#[test]
fn every_code_of_an_error_is_explained() {
    let runbook = read(RUNBOOK);
    let codes = codes();
    assert!(codes.len() > 20, "{codes:?}");
    for code in codes {
        assert!(runbook.contains(&format!("`{code}`")), "{RUNBOOK} does not explain {code}");
    }
}
