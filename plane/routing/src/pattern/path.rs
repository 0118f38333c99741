//! Paths: segment by segment, text or a capture, and what may follow.

use super::CAPTURES_MAX;
use crate::normal::normal_path;
use crate::say;
use homeostat_vocabulary::Sentence;

/// The deepest pattern: far beyond what anybody writes, and a bound for the walk through the table.
const SEGMENTS_MAX: usize = 64;
/// What `path_prefix` leaves over has this name.
const PREFIX_REST: &str = "rest";

/// Which paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    /// What it begins with.
    pub segments: Vec<Segment>,
    /// What follows.
    pub tail: Tail,
}

/// One part of a path between slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// This text.
    Text(Box<str>),
    /// Any text but none, kept under this name.
    Capture(Box<str>),
}

/// What may follow the segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    End,
    /// A slash and anything, kept under this name.
    Rest(Box<str>),
    /// Nothing, or a slash and anything, kept as `rest`.
    Below,
}

impl PathPattern {
    /// Every path: that of a route without conditions on it.
    pub const fn any() -> Self {
        Self { segments: Vec::new(), tail: Tail::Below }
    }

    /// Reads the `path` of a route.
    pub fn parse(text: &str) -> Result<Self, Sentence> {
        let inner = text.strip_prefix('/').ok_or_else(say::path_slash)?;
        let (inner, tail) = match inner.rsplit_once('/').unwrap_or(("", inner)) {
            (before, last) if last.starts_with('{') && last.ends_with("..}") => {
                let name = capture_name(&last[1..last.len() - 3])?;
                // `/{rest..}` has nothing before it, not even an empty segment.
                let before = inner.contains('/').then_some(before);
                (before, Tail::Rest(name))
            }
            _ => (Some(inner), Tail::End),
        };
        Self::assemble(inner, tail)
    }

    /// Reads the `path_prefix` of a route. A slash at its end changes nothing.
    pub fn parse_prefix(text: &str) -> Result<Self, Sentence> {
        let inner = text.strip_prefix('/').ok_or_else(say::path_slash)?;
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        Self::assemble(Some(inner).filter(|inner| !inner.is_empty()), Tail::Below)
    }

    fn assemble(inner: Option<&str>, tail: Tail) -> Result<Self, Sentence> {
        let written = inner.into_iter().flat_map(|inner| inner.split('/'));
        let segments = written.map(Segment::parse).collect::<Result<Vec<_>, _>>()?;
        let pattern = Self { segments, tail };
        let names = pattern.capture_names();
        if pattern.segments.len() > SEGMENTS_MAX {
            return Err(say::segments_most(SEGMENTS_MAX));
        }
        if names.len() > CAPTURES_MAX {
            return Err(say::captures_most(CAPTURES_MAX));
        }
        if let Some(name) = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name)) {
            return Err(say::captured_twice(&**name.1));
        }
        let plain = pattern.plain_text();
        match normal_path(&plain) {
            Ok(normal) if normal == plain => Ok(pattern),
            Ok(normal) => Err(say::normal_is(normal.into_owned())),
            Err(error) => Err(error.sentence()),
        }
    }

    /// The path with `x` in the place of captures, to be judged like that of a request.
    fn plain_text(&self) -> String {
        let texts = self.segments.iter().map(|segment| match segment {
            Segment::Text(text) => text,
            Segment::Capture(_) => "x",
        });
        let path = texts.fold(String::new(), |path, text| path + "/" + text);
        if path.is_empty() { "/".to_owned() } else { path }
    }

    /// The names of what it catches, in order.
    pub fn capture_names(&self) -> Vec<Box<str>> {
        let named = self.segments.iter().filter_map(|segment| match segment {
            Segment::Capture(name) => Some(name.clone()),
            Segment::Text(_) => None,
        });
        let tail = match &self.tail {
            Tail::End => None,
            Tail::Rest(name) => Some(name.clone()),
            Tail::Below => Some(PREFIX_REST.into()),
        };
        named.chain(tail).collect()
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, Sentence> {
        match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) if name.ends_with("..") => Err(say::rest_at_end(text)),
            Some(name) => capture_name(name).map(Self::Capture),
            None if text.contains(['{', '}']) => Err(say::half_capture(text)),
            None => Ok(Self::Text(text.into())),
        }
    }
}

fn capture_name(name: &str) -> Result<Box<str>, Sentence> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(plain) {
        Ok(name.into())
    } else {
        Err(say::capture_name(name))
    }
}
