//! The text format of Prometheus, read as strictly as it is written down: a family has its help and its type before its
//! samples, once, and no sample comes twice.

use std::collections::{BTreeMap, BTreeSet};

pub struct Family {
    pub kind: String,
    pub help: String,
    pub samples: Vec<Sample>,
}

pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

pub struct Scrape(pub BTreeMap<String, Family>);

impl Scrape {
    pub fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n') && !text.contains("\n\n") && !text.contains('\r'));
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut current: Option<String> = None;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap_or_else(|| panic!("no help: {line}"));
                assert!(is_name(name) && !help.is_empty(), "{line}");
                let family = Family { kind: String::new(), help: help.to_owned(), samples: Vec::new() };
                assert!(families.insert(name.to_owned(), family).is_none(), "{name} comes twice");
                current = Some(name.to_owned());
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!(current.as_deref(), Some(name), "a type without its help: {line}");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                let family = families.get_mut(name).unwrap();
                assert!(family.kind.is_empty() && family.samples.is_empty(), "{line}");
                kind.clone_into(&mut family.kind);
            } else {
                assert!(seen.insert(line.rsplit_once(' ').unwrap().0.to_owned()), "twice: {line}");
                let sample = sample(line);
                let name = current.clone().unwrap_or_else(|| panic!("a sample before its family: {line}"));
                let family = families.get_mut(&name).unwrap();
                let suffix =
                    sample.name.strip_prefix(&name).unwrap_or_else(|| panic!("not in {name}: {line}"));
                let suffixes: &[&str] =
                    if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
                assert!(!family.kind.is_empty() && suffixes.contains(&suffix), "{line}");
                family.samples.push(sample);
            }
        }
        Self(families)
    }

    /// The one sample with these labels among its labels.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let family = self.0.get(name).unwrap_or_else(|| panic!("no {name}"));
        let fits = |sample: &&Sample| {
            labels.iter().all(|(label, text)| sample.labels.get(*label).is_some_and(|it| it == text))
        };
        let found: Vec<_> = family.samples.iter().filter(fits).collect();
        assert_eq!(found.len(), 1, "{name} {labels:?}");
        found[0].value
    }

    /// Every name that a query may use.
    pub fn names(&self) -> BTreeSet<&str> {
        self.0.values().flat_map(|family| family.samples.iter().map(|sample| sample.name.as_str())).collect()
    }
}

pub fn is_name(text: &str) -> bool {
    let begins = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    text.bytes().next().is_some_and(begins) && text.bytes().all(|byte| begins(byte) || byte.is_ascii_digit())
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("no sample: {line}"));
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
            assert!(is_name(label), "{line}");
            let (text, after) = quoted(after, line);
            assert!(labels.insert(label.to_owned(), text).is_none(), "{line}");
            match after.as_bytes().first() {
                Some(b',') => rest = &after[1..],
                Some(b'}') => {
                    rest = &after[1..];
                    break;
                }
                _ => panic!("no end of labels: {line}"),
            }
        }
    }
    let value = rest.strip_prefix(' ').and_then(|value| value.parse().ok());
    Sample { name: name.to_owned(), labels, value: value.unwrap_or_else(|| panic!("no value: {line}")) }
}

fn quoted<'a>(text: &'a str, line: &str) -> (String, &'a str) {
    let mut unescaped = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (unescaped, &text[at + 1..]),
            '\\' => match chars.next() {
                Some((_, 'n')) => unescaped.push('\n'),
                Some((_, escaped @ ('"' | '\\'))) => unescaped.push(escaped),
                _ => panic!("a strange escape: {line}"),
            },
            other => unescaped.push(other),
        }
    }
    panic!("no end of a label: {line}")
}
