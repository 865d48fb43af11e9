//! JSON that is taken apart and put together again without touching what passes through.
//!
//! A parsed number may lose digits, so a value that only moves from the answer into a chunk keeps its spelling.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The members of an object, in their order, each value as it was spelt.
#[derive(Debug, Clone)]
pub(super) struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Takes an object apart; nothing else has members.
    pub(super) fn read(json: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// The same for a value that was taken out of another.
    pub(super) fn of(value: &'a RawValue) -> Option<Self> {
        Self::read(value.get().as_bytes())
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// A member that is a string.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// A member that is an array.
    pub(super) fn list(&self, name: &str) -> Option<Vec<&'a RawValue>> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(key, value)| (key.as_str(), *value))
    }

    /// The object again, with other values for some of its members.
    pub(super) fn with<'b>(&'b self, replaced: impl Fn(&str) -> Option<Json<'b>>) -> Json<'b> {
        let member = |(key, value)| (key, replaced(key).unwrap_or(Json::Raw(value)));
        Json::Object(self.iter().map(member).collect())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        reader.deserialize_map(Object).map(Self)
    }
}

/// A value that is partly made and partly passed through.
#[derive(Debug, Clone)]
pub(super) enum Json<'a> {
    Null,
    Number(u64),
    Text(&'a str),
    /// Passed through as it was spelt.
    Raw(&'a RawValue),
    List(Vec<Json<'a>>),
    Object(Vec<(&'a str, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// What is there, or null.
    pub(super) fn or_null(value: Option<&'a RawValue>) -> Self {
        value.map_or(Json::Null, Json::Raw)
    }

    /// Appends it on one line. In valid JSON a line break can only be white space, so a space may stand for it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Json::Null => out.extend_from_slice(b"null"),
            Json::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Json::Text(text) => write_text(text, out),
            Json::Raw(raw) => {
                let blank = |byte: u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte };
                out.extend(raw.get().bytes().map(blank));
            }
            Json::List(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Json::Object(members) => {
                out.push(b'{');
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write_text(key, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    // Serialising a string cannot fail.
    out.extend(serde_json::to_vec(text).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_through_keeps_its_spelling_and_stays_on_one_line() {
        let text = "{\"b\": 9007199254740993,\n \"a\\u0062\": [1.0,\r\n 1E2], \"c\": \"\\/\\n\"}";
        let members = Members::read(text.as_bytes()).unwrap();
        let mut out = Vec::new();
        members.with(|name| (name == "c").then_some(Json::Text("\u{e9}\n"))).write(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"b\":9007199254740993,\"ab\":[1.0,   1E2],\"c\":\"\u{e9}\\n\"}"
        );
    }

    #[test]
    fn only_an_object_has_members() {
        for other in ["", "null", "[]", "\"{}\"", "{", "{}{}", "{\"a\":\u{1}}"] {
            assert!(Members::read(other.as_bytes()).is_none(), "{other}");
        }
        assert!(Members::read(b"{\"a\":\"\xff\"}").is_none());
    }
}
