//! Reading a body: strictly, and keeping no more of it than the checks ask for.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// What stands somewhere in a body, as far as anybody here asks.
pub(super) enum Shape {
    Null,
    Bool(bool),
    Number,
    Text(String),
    Array(Items),
    Object(Box<TopLevel>),
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shape::Null => "null",
            Shape::Bool(_) => "a boolean",
            Shape::Number => "a number",
            Shape::Text(_) => "a string",
            Shape::Array(_) => "an array",
            Shape::Object(_) => "an object",
        })
    }
}

/// What an array holds, as far as anybody here asks.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Items {
    pub(super) count: usize,
    /// How many of them are numbers.
    pub(super) numbers: usize,
}

/// The members of a body, or of an object in it.
#[derive(Default)]
pub(super) struct TopLevel {
    members: HashMap<String, Shape>,
    /// A key that stands there more than once.
    pub(super) duplicate: Option<String>,
}

impl TopLevel {
    pub(super) fn take(&mut self, name: &str) -> Option<Shape> {
        self.members.remove(name)
    }

    /// The names of the members.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// Whether the member is there and not null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|shape| !matches!(shape, Shape::Null))
    }
}

/// Reads a body. Whatever the upstream's parser would refuse is refused here.
pub(super) fn read(bytes: &[u8]) -> Result<Shape, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let shape = Strict { keep: Keep::TopLevel }.deserialize(&mut reader)?;
    reader.end().map(|()| shape)
}

#[derive(Clone, Copy, PartialEq)]
enum Keep {
    /// The members, and of some of them more.
    TopLevel,
    /// The members.
    Members,
    Text,
    Nothing,
}

/// Reads any value strictly: unlike a skipped value, every string and number is decoded, so that what the
/// upstream's parser would refuse is refused here. Nesting is bounded by [`serde_json`] at 128 levels.
#[derive(Clone, Copy)]
struct Strict {
    keep: Keep,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Shape, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Shape, E> {
        Ok(Shape::Bool(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Shape, E> {
        Ok(Shape::Text(if self.keep == Keep::Text { text.into() } else { String::new() }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let mut seen = Items::default();
        while let Some(item) = items.next_element_seed(Strict { keep: Keep::Nothing })? {
            seen.count += 1;
            seen.numbers += usize::from(matches!(item, Shape::Number));
        }
        Ok(Shape::Array(seen))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Shape, A::Error> {
        let mut top = Box::<TopLevel>::default();
        while let Some(Key(key)) = members.next_key()? {
            if !matches!(self.keep, Keep::TopLevel | Keep::Members) {
                members.next_value_seed(Strict { keep: Keep::Nothing })?;
                continue;
            }
            let keep = match key.as_str() {
                "model" if self.keep == Keep::TopLevel => Keep::Text,
                "stream_options" if self.keep == Keep::TopLevel => Keep::Members,
                _ => Keep::Nothing,
            };
            let shape = members.next_value_seed(Strict { keep })?;
            match top.members.entry(key) {
                Entry::Vacant(place) => drop(place.insert(shape)),
                Entry::Occupied(place) => {
                    top.duplicate.get_or_insert_with(|| place.key().clone());
                }
            }
        }
        Ok(Shape::Object(top))
    }
}

struct Key(String);

impl<'de> serde::Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Key, E> {
                Ok(Key(text.into()))
            }
        }
        reader.deserialize_str(Text).map_err(D::Error::custom)
    }
}
