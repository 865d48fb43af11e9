//! Values that satisfy a JSON schema.

use serde_json::{Map, Value};

/// How deep a schema may nest before the sample stops; a recursive schema has no other end.
const MAX_DEPTH: usize = 16;

/// A value of the shape `schema` describes, its strings holding `text`: required properties by type, the first
/// of an enumeration, one element per array.
pub(crate) fn sample(schema: &Value, text: &str) -> Value {
    fill(schema, schema, text, 0)
}

fn fill(schema: &Value, root: &Value, text: &str, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    let next = depth + 1;
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = reference
            .strip_prefix('#')
            .and_then(|pointer| root.pointer(pointer));
        return target.map_or(Value::Null, |target| fill(target, root, text, next));
    }
    if let Some(fixed) = schema.get("const") {
        return fixed.clone();
    }
    if let Some(first) = schema.get("enum").and_then(|values| values.get(0)) {
        return first.clone();
    }
    for choice in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema.get(choice).and_then(|options| options.get(0)) {
            return fill(first, root, text, next);
        }
    }
    match kind(schema) {
        Some("string") => Value::from(text),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| Value::from(1)),
        Some("boolean") => Value::from(true),
        Some("array") => match schema.get("items") {
            Some(items) => Value::from(vec![fill(items, root, text, next)]),
            None => Value::from(Vec::<Value>::new()),
        },
        Some("null") => Value::Null,
        _ => fill_object(schema, root, text, next),
    }
}

fn fill_object(schema: &Value, root: &Value, text: &str, depth: usize) -> Value {
    let required = schema.get("required").and_then(Value::as_array);
    let mut object = Map::new();
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        let property = schema
            .get("properties")
            .and_then(|properties| properties.get(name));
        object.insert(
            name.to_owned(),
            property.map_or(Value::Null, |found| fill(found, root, text, depth)),
        );
    }
    Value::Object(object)
}

/// The type, or the first of several.
fn kind(schema: &Value) -> Option<&str> {
    let declared = schema.get("type")?;
    declared
        .as_str()
        .or_else(|| declared.get(0).and_then(Value::as_str))
}
