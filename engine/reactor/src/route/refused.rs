//! Why rules were refused: every problem at once, each with its place and what to do.
//!
//! Made by [`compile`](super::compile) only. A problem says where it is as a path into the data (`rule[1].to[0]`), so that whoever
//! read the data from a file can point at the line.

use std::fmt;

/// Most names that a message lists; a longer list is cut, and says so.
const LISTED_MAX: usize = 12;

/// One step into the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The value of a key.
    Key(String),
    /// The item of a list, from 0.
    Index(usize),
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is in the data.
    pub path: Vec<Step>,
    /// The name of the rule it is in, if it is in one.
    pub rule: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Problem {
    /// The place as text: `rule[1].to[0]`.
    pub fn place(&self) -> String {
        let mut place = String::new();
        for step in &self.path {
            match step {
                Step::Key(key) if place.is_empty() => place.push_str(key),
                Step::Key(key) => {
                    place.push('.');
                    place.push_str(key);
                }
                Step::Index(index) => place.push_str(&format!("[{index}]")),
            }
        }
        place
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.place())?;
        if let Some(rule) = &self.rule {
            write!(formatter, " (rule \"{rule}\")")?;
        }
        write!(formatter, ": {}; {}", self.what, self.remedy)
    }
}

/// Rules that cannot be used; whatever was in use before still is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct RulesRefused {
    /// Everything that is wrong, in the order of the data.
    pub problems: Vec<Problem>,
}

impl fmt::Display for RulesRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        write!(formatter, "the rules have {count} problem{}", if count == 1 { "" } else { "s" })?;
        self.problems.iter().try_for_each(|problem| write!(formatter, "\n  {problem}"))
    }
}

/// What to do about a name that does not exist: the one that was meant, if one is near, and those there are.
pub(super) fn names_there_are(wrong: &str, names: &[&str]) -> String {
    let listed: Vec<String> = names.iter().take(LISTED_MAX).map(|name| format!("\"{name}\"")).collect();
    let more = names.len().saturating_sub(LISTED_MAX);
    let mut remedy = match nearest(wrong, names) {
        Some(near) => format!("did you mean \"{near}\"? "),
        None => String::new(),
    };
    remedy.push_str(&match (listed.is_empty(), more) {
        (true, _) => "this router has no targets at all".to_owned(),
        (false, 0) => format!("the targets are {}", listed.join(", ")),
        (false, more) => format!("the targets are {} and {more} more", listed.join(", ")),
    });
    remedy
}

/// The name that differs least, if it differs in no more than a third of its letters.
fn nearest<'a>(wrong: &str, names: &[&'a str]) -> Option<&'a str> {
    let measured = names.iter().map(|name| (distance(wrong, name), *name));
    measured.min().filter(|(distance, name)| *distance * 3 <= name.chars().count().max(3)).map(|(_, name)| name)
}

/// How many letters must be added, left out or changed to make one word of the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, other) in to.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}
