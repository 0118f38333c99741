//! The schema of the configuration: derived from the sections, published for editors, and walked by the checks.
//!
//! TOML has no null, so the nulls that optional fields bring are taken out; what is left is simple enough that a few
//! functions can answer every question the checks ask.

use crate::section::Document;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// The JSON schema of `homeostat.toml`.
#[must_use]
pub fn schema() -> Value {
    derived().clone()
}

/// The same, derived once.
pub fn derived() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(derive);
    &SCHEMA
}

fn derive() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Document>().to_value();
    without_nulls(&mut schema);
    schema
}

/// Takes `null` out of types, choices and defaults.
fn without_nulls(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = map.get_mut("anyOf") {
                choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
                if let [Value::Object(only)] = choices.as_slice() {
                    let only = only.clone();
                    map.remove("anyOf");
                    for (key, value) in only {
                        map.entry(key).or_insert(value);
                    }
                }
            }
            if map.get("default") == Some(&Value::Null) {
                map.remove("default");
            }
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Follows a reference to a definition.
pub fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/"));
    name.and_then(|name| root.get("$defs")?.get(name)).unwrap_or(schema)
}

/// The schema at a path, if the path can exist.
pub fn at<'a>(root: &'a Value, names: &[String]) -> Option<&'a Value> {
    names.iter().try_fold(root, |schema, name| child(root, schema, name))
}

/// The schema of what stands under `name`.
pub fn child<'a>(root: &'a Value, schema: &'a Value, name: &str) -> Option<&'a Value> {
    let known = schema.get("properties").and_then(|properties| properties.get(name));
    let any = || schema.get("additionalProperties").filter(|any| any.is_object());
    known.or_else(any).map(|schema| resolve(root, schema))
}

/// The keys a table may have, with their schemas as written, so that descriptions beside references are kept.
pub fn properties<'a>(root: &'a Value, schema: &'a Value) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let properties = resolve(root, schema).get("properties").and_then(Value::as_object);
    properties.into_iter().flat_map(Map::iter)
}

/// Whether a value of this JSON type can be right.
pub fn allows(schema: &Value, kind: &str) -> bool {
    let by_type = match schema.get("type") {
        Some(Value::String(name)) => name == kind,
        Some(Value::Array(names)) => names.iter().any(|name| name == kind),
        _ => false,
    };
    let by_value = |value: &Value| value.is_string() && kind == "string";
    let by_choice = ["anyOf", "oneOf"].iter().filter_map(|word| schema.get(word)?.as_array());
    by_type
        || schema.get("const").is_some_and(by_value)
        || schema.get("enum").and_then(Value::as_array).is_some_and(|all| all.iter().any(by_value))
        || by_choice.flatten().any(|choice| allows(choice, kind))
}

/// The kind of a value with a grammar of its own.
pub fn kind(schema: &Value) -> Option<&str> {
    schema.get("x-kind").and_then(Value::as_str)
}

/// The values a choice has, with what each means; empty when it is no choice.
pub fn choices(schema: &Value) -> Vec<(&str, &str)> {
    let documented = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten().filter_map(|choice| {
        let meaning = choice.get("description").and_then(Value::as_str).unwrap_or_default();
        Some((choice.get("const")?.as_str()?, meaning))
    });
    let plain = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    documented.chain(plain.filter_map(|choice| Some((choice.as_str()?, "")))).collect()
}
