//! Values with a grammar of their own: periods, sizes, shares, commands, ports, signals, environment values.

use super::shape::{not_a_choice, wrong_type_for};
use crate::code::Code;
use crate::problem::Problem;
use crate::section::SignalName;
use crate::tree::{Node, Path, Value};
use crate::words;
use homeostat_vocabulary::quantity::{Period, Share, Size};

/// Judges a value of this kind; `None` when it is right.
pub fn judge(kind: &str, node: &Node, path: &Path) -> Option<Problem> {
    match kind {
        "period" => judge_text(node, path, "a period such as \"10s\"", |text| text.parse::<Period>().map(drop)),
        "size" => judge_text(node, path, "a size such as \"512MiB\"", |text| text.parse::<Size>().map(drop)),
        "share" => judge_text(node, path, "a share such as \"99.9%\"", |text| text.parse::<Share>().map(drop)),
        "command" => judge_command(node, path),
        "port" => judge_port(node, path),
        "signal" => judge_signal(node, path),
        _ => judge_environment(node, path),
    }
}

fn judge_text(node: &Node, path: &Path, wanted: &str, read: impl Fn(&str) -> Result<(), String>) -> Option<Problem> {
    let Some(text) = node.text() else {
        let mut problem = wrong_type_for(node, path, wanted);
        if let (Value::Integer(number), Some(unit)) = (&node.value, unit_of(wanted)) {
            problem.help = format!("write the unit too, in quotes, as in \"{number}{unit}\"");
        }
        return Some(problem);
    };
    let reason = read(text).err()?;
    let message = format!("`{path}` cannot be read as {wanted}: {reason}");
    Some(
        Problem::new(Code::BadFormat, message, format!("write {wanted}"))
            .at(Some(node.place.clone()), "cannot be read"),
    )
}

/// The unit in the example of what is wanted: `s` in `such as "10s"`.
fn unit_of(wanted: &str) -> Option<&str> {
    wanted.split('"').nth(1).map(|example| example.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.'))
}

fn judge_command(node: &Node, path: &Path) -> Option<Problem> {
    const WANTED: &str = "a list of words such as [\"./server\", \"--port\", \"{port}\"], or one text";
    let bad = |node: &Node, reason: &str| {
        let message = format!("`{path}` cannot be read as a command: {reason}");
        let help = "write a list of words: [\"program\", \"argument\"]";
        Some(Problem::new(Code::BadFormat, message, help).at(Some(node.place.clone()), reason))
    };
    match &node.value {
        Value::Text(text) if text.contains('\0') => bad(node, "it holds a zero byte"),
        Value::Text(text) => words::split(text).err().and_then(|reason| bad(node, reason)),
        Value::List(list) => {
            if let Some(item) = list.iter().find(|item| item.text().is_none()) {
                return Some(wrong_type_for(item, path, "a list of texts, each in quotes"));
            }
            if let Some(item) = list.iter().find(|item| item.text().is_some_and(|text| text.contains('\0'))) {
                return bad(item, "it holds a zero byte");
            }
            match list.first().and_then(Node::text) {
                None => bad(node, "the list is empty"),
                Some("") => bad(&list[0], "the program's name is empty"),
                Some(_) => None,
            }
        }
        _ => Some(wrong_type_for(node, path, WANTED)),
    }
}

fn judge_port(node: &Node, path: &Path) -> Option<Problem> {
    match &node.value {
        Value::Integer(1..=65_535) => None,
        Value::Integer(number) => {
            let message = format!("`{path}` is {number}, which is no port");
            let problem = Problem::new(Code::OutOfRange, message, "write a number from 1 to 65535, or \"auto\"");
            Some(problem.at(Some(node.place.clone()), "out of range"))
        }
        Value::Text(text) if text == "auto" => None,
        Value::Text(text) if text.parse::<u16>().is_err() => Some(not_a_choice(node, path, &["auto"])),
        _ => Some(wrong_type_for(node, path, "\"auto\" or a number")),
    }
}

fn judge_signal(node: &Node, path: &Path) -> Option<Problem> {
    match node.text() {
        None => Some(wrong_type_for(node, path, "text such as \"SIGTERM\"")),
        Some(name) if SignalName::of(name).is_some() => None,
        Some(_) => Some(not_a_choice(node, path, &SignalName::names().collect::<Vec<_>>())),
    }
}

fn judge_environment(node: &Node, path: &Path) -> Option<Problem> {
    match &node.value {
        Value::Text(text) if text.contains('\0') => {
            let message = format!("`{path}` holds a zero byte, which no variable can");
            Some(Problem::new(Code::BadFormat, message, "take it out").at(Some(node.place.clone()), "a zero byte"))
        }
        Value::Text(_) | Value::Integer(_) | Value::Boolean(_) => None,
        // Not a number with a point: 1.10 would arrive as 1.1.
        _ => Some(wrong_type_for(node, path, "text in quotes")),
    }
}
