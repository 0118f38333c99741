//! Checks a JSON value against a schema of the OpenAPI document: as much of JSON Schema as our documents use. A word it does not
//! know fails the test, so that nothing passes unchecked; and a property that the schema does not name is a fault, too.

use serde_json::Value;

/// Every way in which `value` is not what `schema` says.
pub fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(document, schema, value, "", &mut found);
    found
}

fn check(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let Some(words) = schema.as_object() else {
        assert_eq!(*schema, Value::Bool(true), "a schema is an object or true");
        return;
    };
    for (word, rule) in words {
        match word.as_str() {
            "$ref" => {
                let path = rule.as_str().unwrap().strip_prefix('#').unwrap();
                let target = document.pointer(path).unwrap_or_else(|| panic!("{rule} leads nowhere"));
                check(document, target, value, at, found);
            }
            "type" => {
                let fits = |name: &Value| is(name.as_str().unwrap(), value);
                if !rule.as_array().map_or_else(|| fits(rule), |names| names.iter().any(fits)) {
                    found.push(format!("{at}: {value} is no {rule}"));
                }
            }
            "const" if value != rule => found.push(format!("{at}: {value} is not {rule}")),
            "enum" if !rule.as_array().unwrap().contains(value) => {
                found.push(format!("{at}: {value} is none of {rule}"));
            }
            "oneOf" | "anyOf" => {
                let fitting =
                    rule.as_array().unwrap().iter().filter(|option| faults(document, option, value).is_empty()).count();
                if fitting == 0 || (word == "oneOf" && fitting > 1) {
                    found.push(format!("{at}: {value} fits {fitting} of {rule}"));
                }
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(inner) = value.get(name) {
                        check(document, rule, inner, &format!("{at}/{name}"), found);
                    }
                }
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    if value.is_object() && value.get(name.as_str().unwrap()).is_none() {
                        found.push(format!("{at}: {name} is missing"));
                    }
                }
            }
            "items" => {
                for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
                    check(document, rule, inner, &format!("{at}/{index}"), found);
                }
            }
            "minimum" if value.is_number() && value.as_f64() < rule.as_f64() => {
                found.push(format!("{at}: {value} is below {rule}"));
            }
            "maximum" if value.is_number() && value.as_f64() > rule.as_f64() => {
                found.push(format!("{at}: {value} is above {rule}"));
            }
            "minItems" if value.as_array().is_some_and(|items| (items.len() as u64) < rule.as_u64().unwrap()) => {
                found.push(format!("{at}: has fewer than {rule} items"));
            }
            "maxItems" if value.as_array().is_some_and(|items| (items.len() as u64) > rule.as_u64().unwrap()) => {
                found.push(format!("{at}: has more than {rule} items"));
            }
            "additionalProperties"
            | "minItems"
            | "maxItems"
            | "const"
            | "enum"
            | "minimum"
            | "maximum"
            | "description"
            | "format"
            | "default"
            | "title" => {}
            other => panic!("{at}: the checker does not know {other:?}"),
        }
    }
    check_unnamed(document, schema, value, at, found);
}

/// A property that nobody names. Where a schema is put together of several, the parts cannot tell.
fn check_unnamed(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let composed = ["$ref", "oneOf", "anyOf"].iter().any(|word| schema.get(word).is_some());
    let open = ["type", "properties", "additionalProperties"].iter().all(|word| schema.get(word).is_none());
    let (Some(value), false) = (value.as_object(), composed || open) else { return };
    let named = |name: &str| schema.get("properties").is_some_and(|properties| properties.get(name).is_some());
    for (name, inner) in value.iter().filter(|(name, _)| !named(name)) {
        match schema.get("additionalProperties") {
            Some(Value::Bool(false)) => found.push(format!("{at}: {name:?} is not allowed")),
            Some(rule) => check(document, rule, inner, &format!("{at}/{name}"), found),
            None => found.push(format!("{at}: {name:?} is not in the schema")),
        }
    }
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        other => panic!("no type is called {other:?}"),
    }
}
