//! Texts of variables and flags, read as the type that the schema expects at their path.

use super::file::from_value;
use crate::place::{Place, SourceText};
use crate::schema;
use crate::tree::{Node, Value};
use serde_json::Value as Json;
use std::ops::Range;
use std::sync::Arc;
use toml::de::DeValue;

/// Reads the part `span` of a text as what `schema` expects; what does not fit stays text, and is refused by the shape check.
pub fn read(expected: Option<&Json>, source: &Arc<SourceText>, span: Range<usize>, key_place: &Place) -> Node {
    let text = &source.full()[span.clone()];
    let place = Place::new(source, span);
    let node = |value| Node { place: place.clone(), key_place: key_place.clone(), value };
    let allows = |kind| expected.is_some_and(|schema| schema::allows(schema, kind));
    let structured = (text.starts_with('[') && allows("array")) || (text.starts_with('{') && allows("object"));
    if structured || text.starts_with('"') {
        if let Ok(parsed) = DeValue::parse(text) {
            return at_one_place(from_value(&parsed, place.clone(), source), &place, key_place);
        }
        return node(Value::Text(text.to_owned()));
    }
    if allows("boolean") && !allows("string") {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => return node(Value::Boolean(true)),
            "false" | "0" | "no" | "off" => return node(Value::Boolean(false)),
            _ => {}
        }
    }
    let is_port = expected.is_some_and(|schema| schema::kind(schema) == Some("port"));
    if (is_port || !allows("string"))
        && allows("integer")
        && let Ok(integer) = text.trim().parse()
    {
        return node(Value::Integer(integer));
    }
    if allows("array") && !allows("string") {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        return node(Value::List(items.map(|item| node(Value::Text(item.to_owned()))).collect()));
    }
    node(Value::Text(text.to_owned()))
}

/// The spans of a part count from that part's beginning; the whole value is underlined instead.
fn at_one_place(mut node: Node, place: &Place, key_place: &Place) -> Node {
    let value = std::mem::replace(&mut node.value, Value::Boolean(false));
    node.value = match value {
        Value::List(list) => Value::List(list.into_iter().map(|item| at_one_place(item, place, key_place)).collect()),
        Value::Table(table) => {
            let entries = table.into_iter().map(|(key, item)| (key, at_one_place(item, place, key_place)));
            Value::Table(entries.collect())
        }
        plain => plain,
    };
    Node { place: place.clone(), key_place: key_place.clone(), value: node.value }
}
