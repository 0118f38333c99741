//! Texts with captures: `/internal/{rest}`.

use super::Captures;
use crate::say;
use homeostat_vocabulary::Sentence;

/// A text with places that are filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Capture(usize),
}

impl Template {
    /// Reads a text whose captures have these names.
    pub fn parse(text: &str, names: &[Box<str>]) -> Result<Self, Sentence> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            let closed = if brace == "{" { rest.split_once('}') } else { None };
            let (name, after) = closed.ok_or_else(say::lone_brace)?;
            let index = names.iter().position(|known| **known == *name).ok_or_else(|| unknown(name, names))?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Capture(index));
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    /// The text with everything filled in.
    pub fn fill(&self, captures: &Captures<'_>) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Capture(index) => text.push_str(captures.get(*index)),
            }
        }
        text
    }

    /// The text, when nothing is to be filled in.
    pub fn fixed(&self) -> Option<&str> {
        if let [Piece::Text(text)] = self.0.as_slice() { Some(text) } else { None }
    }
}

fn unknown(name: &str, names: &[Box<str>]) -> Sentence {
    let known: Vec<String> = names.iter().map(|name| format!("`{{{name}}}`")).collect();
    match known.as_slice() {
        [] => say::catches_nothing(name),
        known => say::catches_others(name, known.join(", ")),
    }
}
