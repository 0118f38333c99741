//! The shape: unknown keys, wrong types, missing keys, bad choices and numbers, all found in one walk over tree and schema.
//!
//! What is wrong is taken out of the tree, so that what is left always becomes sections.

use super::kind;
use super::suggest::nearest;
use crate::code::Code;
use crate::problem::Problem;
use crate::schema;
use crate::show::written_value;
use crate::tree::{Node, Path, Value, written_key};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// What the walk found.
#[derive(Default)]
pub struct Shape {
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// Where something was taken out or is missing.
    pub broken: Vec<Path>,
}

/// Walks the whole tree. In a torn tree missing keys are not reported: they may stand in the torn part.
pub fn check(root: &Json, tree: &mut Node, torn: bool) -> Shape {
    let mut walk = Walk { root, torn, found: Shape::default() };
    walk.keeps(tree, root, &Path::default());
    walk.found
}

struct Walk<'a> {
    root: &'a Json,
    torn: bool,
    found: Shape,
}

impl Walk<'_> {
    /// Judges a value; false when it must be taken out.
    fn keeps(&mut self, node: &mut Node, expected: &Json, path: &Path) -> bool {
        let expected = alternative(expected, &node.value);
        let problem = if let Some(kind) = schema::kind(expected) {
            kind::judge(kind, node, path)
        } else if schema::allows(expected, "object") {
            match node.value {
                Value::Table(_) => return self.walk_table(node, expected, path),
                _ => Some(wrong_type(node, path, expected)),
            }
        } else if schema::allows(expected, "array") {
            match node.value {
                Value::List(_) => return self.walk_list(node, expected, path),
                _ => Some(wrong_type(node, path, expected)),
            }
        } else {
            judge_plain(node, expected, path)
        };
        let Some(problem) = problem else { return true };
        self.refuse(problem, path);
        false
    }

    fn refuse(&mut self, problem: Problem, path: &Path) {
        self.found.problems.push(problem.about(path.clone()));
        self.found.broken.push(path.clone());
    }

    fn walk_table(&mut self, node: &mut Node, expected: &Json, path: &Path) -> bool {
        let place = node.key_place.clone();
        let Some(table) = node.table_mut() else { return true };
        let written: BTreeSet<String> = table.keys().cloned().collect();
        table.retain(|key, child| {
            let way = path.join(key);
            match schema::child(self.root, expected, key) {
                Some(schema) => self.keeps(child, schema, &way),
                None => {
                    self.refuse_unknown(key, child, expected, path);
                    false
                }
            }
        });
        let required = expected.get("required").and_then(Json::as_array).into_iter().flatten();
        for key in required.filter_map(Json::as_str).filter(|key| !written.contains(*key)) {
            let way = path.join(key);
            if self.torn || self.found.broken.contains(&way) {
                continue;
            }
            let message = format!("`{path}` has no `{key}`");
            let problem =
                Problem::new(Code::MissingKey, message, format!("add a line such as {}", example_line(key, expected)));
            self.refuse(problem.at(Some(place.clone()), format!("`{key}` is missing here")), &way);
        }
        true
    }

    fn refuse_unknown(&mut self, key: &str, child: &Node, expected: &Json, path: &Path) {
        let known: Vec<&str> = schema::properties(self.root, expected).map(|(name, _)| name.as_str()).collect();
        let table = if path.0.is_empty() { "the file".to_owned() } else { format!("`{path}`") };
        let help = match nearest(key, known.iter().copied()) {
            Some(near) => {
                // What was meant is known; that it is missing need not be said too.
                self.found.broken.push(path.join(near));
                format!("did you mean `{near}`?")
            }
            None => format!("{table} knows {}", listed(&known)),
        };
        let message = format!("unknown key `{key}` in {table}");
        let problem =
            Problem::new(Code::UnknownKey, message, help).at(Some(child.key_place.clone()), "not a key of ours");
        self.refuse(problem, &path.join(key));
    }

    fn walk_list(&mut self, node: &mut Node, expected: &Json, path: &Path) -> bool {
        let Value::List(list) = &mut node.value else { return true };
        let Some(items) = expected.get("items").map(|items| schema::resolve(self.root, items)) else { return true };
        let mut index = 0;
        list.retain_mut(|item| {
            let way = path.join(&index.to_string());
            index += 1;
            self.keeps(item, items, &way)
        });
        true
    }
}

/// Of a value that may be of several types, the one that was written; all of them when none fits, so that all are named.
fn alternative<'a>(expected: &'a Json, value: &Value) -> &'a Json {
    let kind = match value {
        Value::Boolean(_) => "boolean",
        Value::Integer(_) => "integer",
        Value::Float(_) => "number",
        Value::Text(_) => "string",
        Value::Foreign(_) => return expected,
        Value::List(_) => "array",
        Value::Table(_) => "object",
    };
    if schema::kind(expected).is_some() || !schema::choices(expected).is_empty() && kind == "string" {
        return expected;
    }
    let several = ["anyOf", "oneOf"].iter().find_map(|word| expected.get(word)?.as_array());
    several.and_then(|all| all.iter().find(|one| schema::allows(one, kind))).unwrap_or(expected)
}

/// Judges truth values, numbers, texts and choices.
fn judge_plain(node: &Node, expected: &Json, path: &Path) -> Option<Problem> {
    let choices = schema::choices(expected);
    match &node.value {
        Value::Text(text) if !choices.is_empty() => {
            if choices.iter().any(|(choice, _)| choice == text) {
                return None;
            }
            let known: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
            Some(not_a_choice(node, path, &known))
        }
        Value::Text(_) if schema::allows(expected, "string") => None,
        Value::Boolean(_) if schema::allows(expected, "boolean") => None,
        Value::Integer(number) if schema::allows(expected, "integer") => judge_range(*number, node, expected, path),
        Value::Float(number) if schema::allows(expected, "number") && !number.is_finite() => {
            let problem = Problem::new(Code::OutOfRange, format!("`{path}` is {number}"), "write a number such as 0.5");
            Some(problem.at(Some(node.place.clone()), "not a number that can be reckoned with"))
        }
        // Bounds of numbers with a point are judged where their meaning is known.
        Value::Float(_) if schema::allows(expected, "number") => None,
        Value::Integer(_) if schema::allows(expected, "number") => None,
        _ => Some(wrong_type(node, path, expected)),
    }
}

fn judge_range(number: i64, node: &Node, expected: &Json, path: &Path) -> Option<Problem> {
    let bound = |word: &str| expected.get(word).and_then(Json::as_i64);
    let (type_least, type_most) = match expected.get("format").and_then(Json::as_str) {
        Some("uint16") => (0, i64::from(u16::MAX)),
        Some("uint32") => (0, i64::from(u32::MAX)),
        Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    let (least, most) = (bound("minimum").unwrap_or(type_least), bound("maximum").unwrap_or(type_most));
    if (least..=most).contains(&number) {
        return None;
    }
    let message = format!("`{path}` is {number}, which is out of range");
    let problem = Problem::new(Code::OutOfRange, message, format!("write a number from {least} to {most}"));
    Some(problem.at(Some(node.place.clone()), "out of range"))
}

/// A text that is none of the values it may have.
pub fn not_a_choice(node: &Node, path: &Path, known: &[&str]) -> Problem {
    let written = node.text().unwrap_or_default();
    let help = match nearest(written, known.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"? The choices are {}", listed(known)),
        None => format!("the choices are {}", listed(known)),
    };
    Problem::new(Code::NotAChoice, format!("`{path}` does not know this value"), help)
        .at(Some(node.place.clone()), "not one of the choices")
}

/// Another type than the one expected.
pub fn wrong_type(node: &Node, path: &Path, expected: &Json) -> Problem {
    let wanted = if let [(choice, _), ..] = schema::choices(expected).as_slice() {
        format!("text such as \"{choice}\"")
    } else {
        kind_names(expected).join(" or ")
    };
    let mut problem = wrong_type_for(node, path, &wanted);
    if let Some(example) = example(&wanted, path) {
        problem.help = format!("write {wanted}, as in {example}");
    }
    problem
}

/// A line of the wanted kind. It repeats nothing of what was written, which may be a secret.
fn example(wanted: &str, path: &Path) -> Option<String> {
    let value = match wanted {
        "text in quotes" => "\"...\"",
        "a list in brackets" => "[\"...\"]",
        "a table" => "{}",
        _ => return None,
    };
    // Members of a list have no key of their own.
    let key = path.0.last().filter(|key| key.parse::<usize>().is_err())?;
    Some(format!("{} = {value}", written_key(key)))
}

/// Another type than the one described.
pub fn wrong_type_for(node: &Node, path: &Path, wanted: &str) -> Problem {
    let found = node.value.kind();
    let quoted_number = node.text().is_some_and(|text| text.parse::<f64>().is_ok() || text.parse::<bool>().is_ok());
    let help = if quoted_number && !wanted.contains("text") {
        "take the quotes away".to_owned()
    } else {
        format!("write {wanted}")
    };
    Problem::new(Code::WrongType, format!("`{path}` must be {wanted}, and is {found}"), help)
        .at(Some(node.place.clone()), format!("this is {found}"))
}

fn kind_names(expected: &Json) -> Vec<&'static str> {
    const NAMES: [(&str, &str); 6] = [
        ("boolean", "true or false"),
        ("integer", "a whole number"),
        ("number", "a number"),
        ("string", "text in quotes"),
        ("array", "a list in brackets"),
        ("object", "a table"),
    ];
    NAMES.iter().filter(|(kind, _)| schema::allows(expected, kind)).map(|(_, name)| *name).collect()
}

/// `a`, `b` and `c`.
pub fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn example_line(key: &str, expected: &Json) -> String {
    let example = expected.get("properties").and_then(|all| all.get(key)?.get("examples")?.get(0));
    match example {
        Some(example) => format!("{key} = {}", written_value(example)),
        None => format!("{key} = ..."),
    }
}
