//! Values that satisfy a JSON schema.

use serde_json::{Map, Value};

/// Depth from which the sample takes the shortest way out: an empty array, or null where that is allowed.
const SHALLOW: usize = 8;

/// Depth at which the sample stops; a schema that requires itself has no other end.
const MAX_DEPTH: usize = 16;

/// Values in one sample; without a bound a small schema that refers to itself repeatedly grows without end.
const MAX_VALUES: usize = 1_000;

/// Formats of strings, and a string of each.
const FORMATS: [(&str, &str); 6] = [
    ("date-time", "2026-01-02T03:04:05Z"),
    ("date", "2026-01-02"),
    ("time", "03:04:05Z"),
    ("email", "someone@example.com"),
    ("uri", "https://example.com/"),
    ("uuid", "00000000-0000-4000-8000-000000000000"),
];

/// A value of the shape `schema` describes, its strings holding `text`: required properties by type, the first
/// of an enumeration, one element per array.
pub(crate) fn sample(schema: &Value, text: &str) -> Value {
    Sample { root: schema, text, values: 0 }.fill(schema, 0)
}

struct Sample<'a> {
    root: &'a Value,
    text: &'a str,
    values: usize,
}

impl Sample<'_> {
    fn fill(&mut self, schema: &Value, depth: usize) -> Value {
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES {
            return Value::Null;
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let root = self.root;
            let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
            return target.map_or(Value::Null, |target| self.fill(target, depth + 1));
        }
        if let Some(fixed) = schema.get("const") {
            return fixed.clone();
        }
        if let Some(first) = schema.get("enum").and_then(|values| values.get(0)) {
            return first.clone();
        }
        for keyword in ["anyOf", "oneOf", "allOf"] {
            let Some(options) = schema.get(keyword).and_then(Value::as_array) else {
                continue;
            };
            let null = options.iter().find(|option| kind(option) == Some("null"));
            if let Some(chosen) = null.filter(|_| depth >= SHALLOW).or(options.first()) {
                return self.fill(chosen, depth + 1);
            }
        }
        match kind(schema) {
            Some("string") => Value::from(self.text_for(schema)),
            Some("integer" | "number") => number_for(schema),
            Some("boolean") => Value::from(true),
            Some("array") => match schema.get("items").filter(|_| depth < SHALLOW) {
                Some(items) => {
                    let count = bound(schema, "minItems").unwrap_or(1).clamp(1, MAX_VALUES);
                    (0..count).map(|_| self.fill(items, depth + 1)).collect()
                }
                None => Value::from(Vec::<Value>::new()),
            },
            Some("null") => Value::Null,
            _ => self.fill_object(schema, depth),
        }
    }

    /// The text, unless the schema wants another format or length.
    fn text_for(&self, schema: &Value) -> String {
        let format = schema.get("format").and_then(Value::as_str);
        let known = FORMATS.iter().find(|(name, _)| format == Some(name));
        let text = known.map_or(self.text, |(_, text)| text);
        let longest = bound(schema, "maxLength").unwrap_or(usize::MAX);
        let shortest = bound(schema, "minLength").unwrap_or(0).min(MAX_VALUES);
        let padding = std::iter::repeat_n('.', shortest.saturating_sub(text.chars().count()));
        text.chars().chain(padding).take(longest).collect()
    }

    fn fill_object(&mut self, schema: &Value, depth: usize) -> Value {
        let required = schema.get("required").and_then(Value::as_array);
        let mut object = Map::new();
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            let property = schema.get("properties").and_then(|properties| properties.get(name));
            let value = property.map_or(Value::Null, |found| self.fill(found, depth + 1));
            object.insert(name.to_owned(), value);
        }
        Value::Object(object)
    }
}

/// One, or the nearest number the bounds allow.
fn number_for(schema: &Value) -> Value {
    let limit = |name: &str| schema.get(name).filter(|limit| limit.is_number());
    if let Some(minimum) = limit("minimum") {
        return minimum.clone();
    }
    let value = |name: &str| limit(name).and_then(Value::as_f64);
    if let Some(above) = value("exclusiveMinimum") {
        return Value::from(above.floor() as i64 + 1);
    }
    match limit("maximum") {
        Some(maximum) if maximum.as_f64() < Some(1.0) => maximum.clone(),
        _ => Value::from(1),
    }
}

fn bound(schema: &Value, name: &str) -> Option<usize> {
    schema.get(name).and_then(Value::as_u64).and_then(|bound| usize::try_from(bound).ok())
}

/// The type, or the first of several.
fn kind(schema: &Value) -> Option<&str> {
    let declared = schema.get("type")?;
    declared.as_str().or_else(|| declared.get(0).and_then(Value::as_str))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_that_requires_itself_many_times_stays_small() {
        let names: Vec<String> = (0..20).map(|n| format!("p{n}")).collect();
        let properties: Map<String, Value> =
            names.iter().map(|name| (name.clone(), json!({ "$ref": "#" }))).collect();
        let schema = json!({ "type": "object", "required": names, "properties": properties });
        assert!(sample(&schema, "text").to_string().len() < 100_000);
    }

    #[test]
    fn bounds_and_formats_are_kept() {
        let names = ["short", "long", "day", "low", "above", "high", "many", "whole"];
        let schema = json!({ "type": "object", "required": names, "properties": {
            "short": { "type": "string", "maxLength": 3 },
            "long": { "type": "string", "minLength": 6 },
            "day": { "type": "string", "format": "date" },
            "low": { "type": "integer", "minimum": 18 },
            "above": { "type": "number", "exclusiveMinimum": 2.5 },
            "high": { "type": "number", "maximum": 0.5 },
            "many": { "type": "array", "minItems": 2, "items": { "enum": ["one", "two"] } },
            "whole": { "type": ["integer", "null"], "maximum": 9 },
        } });
        let expected = json!({
            "short": "tex", "long": "text..", "day": "2026-01-02", "low": 18, "above": 3, "high": 0.5,
            "many": ["one", "one"], "whole": 1,
        });
        assert_eq!(sample(&schema, "text"), expected);
    }

    #[test]
    fn a_recursive_list_ends_with_null() {
        let next = json!({ "anyOf": [{ "$ref": "#" }, { "type": "null" }] });
        let schema = json!({ "type": "object", "required": ["next"], "properties": { "next": next } });
        assert!(sample(&schema, "text").to_string().contains("{\"next\":null}"));
    }
}
