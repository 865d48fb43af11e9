//! YAML, read strictly: no key comes twice, and every document is sound.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::Value;

use crate::repository::read;

/// The documents of a file.
pub fn documents(path: &str) -> Vec<Value> {
    parse(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The one document of a file.
pub fn document(path: &str) -> Value {
    let mut documents = documents(path);
    assert_eq!(documents.len(), 1, "{path}");
    documents.remove(0)
}

/// The documents of a text.
pub fn parse(text: &str) -> Result<Vec<Value>, saphyr::ScanError> {
    Ok(Yaml::load_from_str(text)?.iter().map(json).collect())
}

fn json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => (*value).into(),
        Yaml::Value(Scalar::Integer(value)) => (*value).into(),
        Yaml::Value(Scalar::FloatingPoint(value)) => value.into_inner().into(),
        Yaml::Value(Scalar::String(value)) => value.as_ref().into(),
        Yaml::Sequence(items) => items.iter().map(json).collect(),
        Yaml::Mapping(members) => {
            let name = |key: &Yaml| key.as_str().unwrap_or_else(|| panic!("no name: {key:?}")).to_owned();
            Value::Object(members.iter().map(|(key, value)| (name(key), json(value))).collect())
        }
        other => panic!("nothing that is used here: {other:?}"),
    }
}

#[test]
fn a_key_that_comes_twice_is_an_error() {
    assert!(parse("a: 1\na: 2\n").is_err());
    assert_eq!(parse("a: [1, x]\n").unwrap(), [serde_json::json!({ "a": [1, "x"] })]);
}
