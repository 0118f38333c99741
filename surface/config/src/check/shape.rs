//! The shape: unknown keys, wrong types, missing keys, bad choices and numbers, all found in one walk over tree and schema.
//!
//! What is wrong is taken out of the tree, so that what is left always becomes sections.

use super::kind;
use super::suggest::nearest;
use crate::code::Code;
use crate::problem::Problem;
use crate::say;
use crate::schema;
use crate::show::written_value;
use crate::tree::{Node, Path, Value, written_key};
use homeostat_vocabulary::Sentence;
use homeostat_vocabulary::sentence::Argument;
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
            let (message, help) = (say::no_key(path.to_string(), key), say::add_line(example_line(key, expected)));
            let problem = Problem::new(Code::MissingKey, message, help);
            self.refuse(problem.at(Some(place.clone()), say::at_missing(key)), &way);
        }
        true
    }

    fn refuse_unknown(&mut self, key: &str, child: &Node, expected: &Json, path: &Path) {
        let known: Vec<&str> = schema::properties(self.root, expected).map(|(name, _)| name.as_str()).collect();
        let table: Argument = if path.0.is_empty() { say::the_file().into() } else { format!("`{path}`").into() };
        let help = match nearest(key, known.iter().copied()) {
            Some(near) => {
                // What was meant is known; that it is missing need not be said too.
                self.found.broken.push(path.join(near));
                say::did_you_mean_key(near)
            }
            None => say::table_knows(table.clone(), names(&known)),
        };
        let problem = Problem::new(Code::UnknownKey, say::unknown_key(key, table), help);
        let problem = problem.at(Some(child.key_place.clone()), say::at_unknown_key());
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
            let message = say::is_no_number(path.to_string(), number.to_string());
            let problem = Problem::new(Code::OutOfRange, message, say::write_number());
            Some(problem.at(Some(node.place.clone()), say::at_no_number()))
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
    let message = say::out_of_range(path.to_string(), number);
    let problem = Problem::new(Code::OutOfRange, message, say::write_number_within(least, most));
    Some(problem.at(Some(node.place.clone()), say::at_out_of_range()))
}

/// A text that is none of the values it may have.
pub fn not_a_choice(node: &Node, path: &Path, known: &[&str]) -> Problem {
    let written = node.text().unwrap_or_default();
    let help = match nearest(written, known.iter().copied()) {
        Some(near) => say::choices_near(near, names(known)),
        None => say::choices(names(known)),
    };
    let problem = Problem::new(Code::NotAChoice, say::no_choice(path.to_string()), help);
    problem.at(Some(node.place.clone()), say::at_no_choice())
}

/// Another type than the one expected.
pub fn wrong_type(node: &Node, path: &Path, expected: &Json) -> Problem {
    if let [(choice, _), ..] = schema::choices(expected).as_slice() {
        return wrong_type_for(node, path, say::a_text_such_as(*choice));
    }
    let kinds: Vec<Kind> = KINDS.into_iter().filter(|(kind, ..)| schema::allows(expected, kind)).collect();
    let wanted = Argument::AnyOf(kinds.iter().map(|(_, phrase, _)| phrase()).collect());
    let mut problem = wrong_type_for(node, path, wanted.clone());
    if let [(_, _, Some(value))] = kinds.as_slice()
        && let Some(line) = example(value, path)
    {
        problem.help = say::write_as_in(wanted, line);
    }
    problem
}

/// A line of the wanted kind. It repeats nothing of what was written, which may be a secret.
fn example(value: &str, path: &Path) -> Option<String> {
    // Members of a list have no key of their own.
    let key = path.0.last().filter(|key| key.parse::<usize>().is_err())?;
    Some(format!("{} = {value}", written_key(key)))
}

/// Another type than the one described.
pub fn wrong_type_for(node: &Node, path: &Path, wanted: impl Into<Argument>) -> Problem {
    let (wanted, found) = (wanted.into(), node.value.kind());
    // Where a text is wanted, a text is never of the wrong type.
    let quoted_number = node.text().is_some_and(|text| text.parse::<f64>().is_ok() || text.parse::<bool>().is_ok());
    let help = if quoted_number { say::take_quotes_away() } else { say::write(wanted.clone()) };
    let problem = Problem::new(Code::WrongType, say::wrong_type(path.to_string(), wanted, found.clone()), help);
    problem.at(Some(node.place.clone()), say::at_found(found))
}

/// A kind of the schema, what it is called, and how one is written when only this kind is wanted.
type Kind = (&'static str, fn() -> Sentence, Option<&'static str>);

const KINDS: [Kind; 6] = [
    ("boolean", say::a_boolean, None),
    ("integer", say::a_whole_number, None),
    ("number", say::a_number, None),
    ("string", say::a_quoted_text, Some("\"...\"")),
    ("array", say::a_bracketed_list, Some("[\"...\"]")),
    ("object", say::a_table, Some("{}")),
];

fn names(words: &[&str]) -> Argument {
    Argument::Names(words.iter().map(|word| (*word).to_owned()).collect())
}

fn example_line(key: &str, expected: &Json) -> String {
    let example = expected.get("properties").and_then(|all| all.get(key)?.get("examples")?.get(0));
    match example {
        Some(example) => format!("{key} = {}", written_value(example)),
        None => format!("{key} = ..."),
    }
}
