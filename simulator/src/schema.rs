//! Values that satisfy a JSON schema.

use serde_json::{Map, Value};

/// Depth from which the sample takes the shortest way out: an empty array, or null where that is allowed.
const SHALLOW: usize = 8;

/// Depth at which the sample stops; a schema that requires itself has no other end.
const MAX_DEPTH: usize = 16;

/// Values in one sample; without a bound a small schema that refers to itself repeatedly grows without end.
const MAX_VALUES: usize = 1_000;

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
            Some("string") => Value::from(self.text),
            Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| Value::from(1)),
            Some("boolean") => Value::from(true),
            Some("array") => match schema.get("items").filter(|_| depth < SHALLOW) {
                Some(items) => Value::from(vec![self.fill(items, depth + 1)]),
                None => Value::from(Vec::<Value>::new()),
            },
            Some("null") => Value::Null,
            _ => self.fill_object(schema, depth),
        }
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
    fn a_recursive_list_ends_with_null() {
        let next = json!({ "anyOf": [{ "$ref": "#" }, { "type": "null" }] });
        let schema = json!({ "type": "object", "required": ["next"], "properties": { "next": next } });
        assert!(sample(&schema, "text").to_string().contains("{\"next\":null}"));
    }
}
