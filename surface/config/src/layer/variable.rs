//! Environment variables: `HOMEOSTAT__SECTION__KEY`, and plain ones that other tools and images use for the same things.
//!
//! Names are not case-sensitive and are matched against the schema and against what the files declare, so that
//! `HOMEOSTAT__SERVICES__WEB_API__INSTANCES` finds the service `web-api`.

use super::{Layers, bad_override, nested, typed};
use crate::place::{Medium, Place, SourceText};
use crate::say;
use crate::schema;
use crate::source::Source;
use crate::tree::Node;
use serde_json::Value as Json;

/// What the names of our own variables begin with.
pub const PREFIX: &str = "HOMEOSTAT__";

/// Plain variables and the keys they set; they stand below `HOMEOSTAT__` and above the files.
pub const ALIASES: [(&str, [&str; 2]); 10] = [
    ("AUTO_SCALING_ENABLED", ["scaling", "enabled"]),
    ("AUTO_RECOVERY_ENABLED", ["recovery", "enabled"]),
    ("ANOMALY_DETECTION_ENABLED", ["detection", "enabled"]),
    ("AI_DECISIONS_ENABLED", ["decisions", "ai"]),
    ("MIN_INSTANCES", ["scaling", "instances_min"]),
    ("MAX_INSTANCES", ["scaling", "instances_max"]),
    ("CPU_THRESHOLD_UP", ["scaling", "cpu_up_percent"]),
    ("CPU_THRESHOLD_DOWN", ["scaling", "cpu_down_percent"]),
    ("MEMORY_THRESHOLD_UP", ["scaling", "memory_up_percent"]),
    ("MEMORY_THRESHOLD_DOWN", ["scaling", "memory_down_percent"]),
];

/// Reads both kinds of variables; answers the rank of the last one.
pub fn read(source: &Source, root: &Json, mut rank: usize, layers: &mut Layers) -> usize {
    // By name, so that the result does not hang on the order in which the system hands them out.
    let mut variables: Vec<&(String, String)> = source.environment.iter().collect();
    variables.sort();
    for (alias, key) in ALIASES {
        // An empty variable is how a compose file says "not set".
        for (name, value) in variables.iter().filter(|(name, value)| name == alias && !value.is_empty()) {
            rank += 1;
            overlay(name, value, &key.map(str::to_owned), root, rank, layers);
        }
    }
    for (name, value) in variables {
        let Some(way) =
            name.get(..PREFIX.len()).filter(|start| start.eq_ignore_ascii_case(PREFIX)).and(name.get(PREFIX.len()..))
        else {
            continue;
        };
        rank += 1;
        let segments: Vec<&str> = way.split("__").collect();
        if segments.iter().any(|segment| segment.is_empty()) {
            let text = SourceText::new(Medium::Variable(name.clone()), rank, name.clone());
            layers.problems.push(bad_override(say::variable_without_key(name), say::write_variable(), &text));
            continue;
        }
        let names = resolve(&segments, root, &layers.tree);
        overlay(name, value, &names, root, rank, layers);
    }
    rank
}

fn overlay(name: &str, value: &str, names: &[String], root: &Json, rank: usize, layers: &mut Layers) {
    let text = SourceText::new(Medium::Variable(name.to_owned()), rank, format!("{name}={value}"));
    let key_place = Place::new(&text, 0..name.len());
    let leaf = typed::read(schema::at(root, names), &text, name.len() + 1..name.len() + 1 + value.len(), &key_place);
    layers.tree.overlay(nested(names, &key_place, leaf));
}

/// The names in the tree that the segments of a variable mean.
fn resolve(segments: &[&str], root: &Json, tree: &Node) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut node = Some(tree);
    for segment in segments {
        let expected = schema::at(root, &names);
        let known = expected.and_then(|expected| {
            let mut properties = schema::properties(root, expected);
            properties.find(|(name, _)| name.eq_ignore_ascii_case(segment)).map(|(name, _)| name.clone())
        });
        let same = |name: &&String| name.replace('-', "_").eq_ignore_ascii_case(&segment.replace('-', "_"));
        let declared = || node.and_then(|node| node.entries().map(|(name, _)| name).find(same).cloned());
        let is_variable_name = names.last().is_some_and(|last| last == "environment");
        let name = known.or_else(declared).unwrap_or_else(|| match names.as_slice() {
            _ if is_variable_name => (*segment).to_owned(),
            [services] if services == "services" => segment.to_ascii_lowercase().replace('_', "-"),
            _ => segment.to_ascii_lowercase(),
        });
        node = node.and_then(|node| node.child(&name));
        names.push(name);
    }
    names
}
