//! Flags: `--set section.key=value`, the highest layer, in the order in which they were given.

use super::{Layers, bad_override, nested, typed};
use crate::place::{Medium, Place, SourceText};
use crate::say;
use crate::schema;
use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

/// Reads all flags.
pub fn read(overrides: &[String], root: &Json, mut rank: usize, layers: &mut Layers) {
    for text in overrides {
        rank += 1;
        let (key, has_value) = text.split_once('=').map_or((text.as_str(), false), |(key, _)| (key, true));
        let source = SourceText::new(Medium::Flag(key.trim().to_owned()), rank, text.clone());
        let names = if has_value { names_of(key) } else { None };
        let Some(names) = names else {
            let message = say::flag_without_key(source.shown().text());
            layers.problems.push(bad_override(message, say::write_flag(), &source));
            continue;
        };
        let key_place = Place::new(&source, 0..key.len());
        let leaf = typed::read(schema::at(root, &names), &source, key.len() + 1..text.len(), &key_place);
        layers.tree.overlay(nested(&names, &key_place, leaf));
    }
}

/// The names of a dotted key, quoted ones too.
fn names_of(key: &str) -> Option<Vec<String>> {
    if key.contains(['\n', '#', '[']) {
        return None;
    }
    let line = format!("{key} = 0");
    let table = DeTable::parse(&line).ok()?;
    let mut names = Vec::new();
    let mut table = table.get_ref();
    loop {
        let (name, value) = table.iter().next()?;
        names.push(name.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => return Some(names),
        }
    }
}
