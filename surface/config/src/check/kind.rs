//! Values with a grammar of their own: periods, sizes, shares, commands, ports, signals, environment values.

use super::shape::{not_a_choice, wrong_type_for};
use crate::code::Code;
use crate::problem::Problem;
use crate::say;
use crate::section::SignalName;
use crate::tree::{Node, Path, Value};
use crate::words;
use homeostat_vocabulary::Sentence;
use homeostat_vocabulary::quantity::{Period, Share, Size};

/// Judges a value of this kind; `None` when it is right.
pub fn judge(kind: &str, node: &Node, path: &Path) -> Option<Problem> {
    match kind {
        "period" => judge_text(node, path, say::a_period(), "s", |text| text.parse::<Period>().map(drop)),
        "size" => judge_text(node, path, say::a_size(), "MiB", |text| text.parse::<Size>().map(drop)),
        "share" => judge_text(node, path, say::a_share(), "%", |text| text.parse::<Share>().map(drop)),
        "command" => judge_command(node, path),
        "port" => judge_port(node, path),
        "signal" => judge_signal(node, path),
        _ => judge_environment(node, path),
    }
}

fn judge_text(
    node: &Node,
    path: &Path,
    wanted: Sentence,
    unit: &str,
    read: impl Fn(&str) -> Result<(), Sentence>,
) -> Option<Problem> {
    let Some(text) = node.text() else {
        let mut problem = wrong_type_for(node, path, wanted);
        if let Value::Integer(number) = &node.value {
            problem.help = say::write_unit(format!("{number}{unit}"));
        }
        return Some(problem);
    };
    let reason = read(text).err()?;
    let message = say::unreadable_as(path.to_string(), wanted.clone(), reason);
    let problem = Problem::new(Code::BadFormat, message, say::write(wanted));
    Some(problem.at(Some(node.place.clone()), say::at_unreadable()))
}

fn judge_command(node: &Node, path: &Path) -> Option<Problem> {
    let bad = |node: &Node, reason: Sentence| {
        let message = say::unreadable_as(path.to_string(), say::a_command(), reason.clone());
        Some(Problem::new(Code::BadFormat, message, say::write_command()).at(Some(node.place.clone()), reason))
    };
    match &node.value {
        Value::Text(text) if text.contains('\0') => bad(node, say::holds_zero_byte()),
        Value::Text(text) => words::split(text).err().and_then(|reason| bad(node, reason)),
        Value::List(list) => {
            if let Some(item) = list.iter().find(|item| item.text().is_none()) {
                return Some(wrong_type_for(item, path, say::a_list_of_texts()));
            }
            if let Some(item) = list.iter().find(|item| item.text().is_some_and(|text| text.contains('\0'))) {
                return bad(item, say::holds_zero_byte());
            }
            match list.first().and_then(Node::text) {
                None => bad(node, say::list_empty()),
                Some("") => bad(&list[0], say::program_nameless()),
                Some(_) => None,
            }
        }
        _ => Some(wrong_type_for(node, path, say::words_or_text())),
    }
}

fn judge_port(node: &Node, path: &Path) -> Option<Problem> {
    match &node.value {
        Value::Integer(1..=65_535) => None,
        Value::Integer(number) => {
            let message = say::no_port_number(path.to_string(), *number);
            let problem = Problem::new(Code::OutOfRange, message, say::write_port());
            Some(problem.at(Some(node.place.clone()), say::at_out_of_range()))
        }
        Value::Text(text) if text == "auto" => None,
        Value::Text(text) if text.parse::<u16>().is_err() => Some(not_a_choice(node, path, &["auto"])),
        _ => Some(wrong_type_for(node, path, say::auto_or_number())),
    }
}

fn judge_signal(node: &Node, path: &Path) -> Option<Problem> {
    match node.text() {
        None => Some(wrong_type_for(node, path, say::a_text_such_as("SIGTERM"))),
        Some(name) if SignalName::of(name).is_some() => None,
        Some(_) => Some(not_a_choice(node, path, &SignalName::names().collect::<Vec<_>>())),
    }
}

fn judge_environment(node: &Node, path: &Path) -> Option<Problem> {
    match &node.value {
        Value::Text(text) if text.contains('\0') => {
            let problem = Problem::new(Code::BadFormat, say::zero_byte(path.to_string()), say::take_it_out());
            Some(problem.at(Some(node.place.clone()), say::at_zero_byte()))
        }
        Value::Text(_) | Value::Integer(_) | Value::Boolean(_) => None,
        // Not a number with a point: 1.10 would arrive as 1.1.
        _ => Some(wrong_type_for(node, path, say::a_quoted_text())),
    }
}
