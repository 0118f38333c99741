//! The normal form of a path: the one text by which a request is routed, kept and passed on.
//!
//! Called once by the gateway for each request, before anything looks at its path. Always holds: the normal form of a normal form is
//! itself; it begins with a slash, holds no dot segment, and only bytes that a path may hold. What two sides could read in two ways is
//! refused, not guessed at: the gateway would else guard one path and the upstream serve another.
//!
//! The rules: `%41` becomes `A` where the letter means the same plain (letters, digits, `-._~`); other escapes stay, with capital digits;
//! bytes that no path may hold are escaped; `.` and `..` are resolved; `//` stays, because it is another path than `/`; an escaped slash
//! stays escaped, because it is no slash.

use crate::say;
use homeostat_vocabulary::Sentence;
use std::borrow::Cow;
use std::fmt;

/// Why a path has no normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotNormal {
    /// It does not begin with a slash.
    NoSlash,
    /// `%` without two hexadecimal digits.
    BadEscape,
    /// A zero byte, a control character or a space: plain ones may end a path on one side and not on the other.
    Control,
    /// It climbs above the root.
    AboveRoot,
    /// A dot segment beside an escaped slash, or with a parameter (`..;x`): some resolve it and some do not.
    HiddenDots,
}

impl NotNormal {
    /// The same in every language.
    #[must_use]
    pub fn sentence(self) -> Sentence {
        match self {
            Self::NoSlash => say::normal_no_slash(),
            Self::BadEscape => say::normal_escape(),
            Self::Control => say::normal_control(),
            Self::AboveRoot => say::normal_above_root(),
            Self::HiddenDots => say::normal_hidden_dots(),
        }
    }
}

impl fmt::Display for NotNormal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sentence().fmt(f)
    }
}

impl std::error::Error for NotNormal {}

/// The normal form of a path, without query.
///
/// # Errors
/// When there is none, or more than one reading.
pub fn normal_path(path: &str) -> Result<Cow<'_, str>, NotNormal> {
    if !path.starts_with('/') {
        return Err(NotNormal::NoSlash);
    }
    if is_plain(path.as_bytes()) {
        return Ok(Cow::Borrowed(path));
    }
    let escaped = normal_escapes(path)?;
    refuse_hidden_dots(&escaped)?;
    let resolved = resolve_dots(&escaped)?;
    Ok(if resolved == path { Cow::Borrowed(path) } else { Cow::Owned(resolved) })
}

/// Whether nothing needs to be done: the usual case, answered in one pass over the bytes.
fn is_plain(path: &[u8]) -> bool {
    let mut after_slash = false;
    path.iter().all(|byte| {
        let begins_with_dot = after_slash && *byte == b'.';
        after_slash = *byte == b'/';
        stays(*byte) && !begins_with_dot
    })
}

/// Bytes that a path may hold as they are (`pchar` and the slash of RFC 3986, without the percent sign).
const fn stays(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'/' | b':' | b'@' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        )
}

/// Bytes that mean the same escaped and plain.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn normal_escapes(path: &str) -> Result<String, NotNormal> {
    let mut normal = String::with_capacity(path.len() + 8);
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => match (bytes.next().and_then(digit), bytes.next().and_then(digit)) {
                (Some(high), Some(low)) => match high << 4 | low {
                    0 => return Err(NotNormal::Control),
                    plain if is_unreserved(plain) => normal.push(char::from(plain)),
                    other => push_escape(&mut normal, other),
                },
                _ => return Err(NotNormal::BadEscape),
            },
            0..=0x20 | 0x7f => return Err(NotNormal::Control),
            plain if stays(plain) => normal.push(char::from(plain)),
            other => push_escape(&mut normal, other),
        }
    }
    Ok(normal)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn push_escape(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    text.push('%');
    text.push(char::from(DIGITS[usize::from(byte >> 4)]));
    text.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// `..%2F` is a file's name to us and a way up to those who unescape first; `..;x` is a way up for servers that cut parameters off.
fn refuse_hidden_dots(path: &str) -> Result<(), NotNormal> {
    for segment in path.split('/') {
        let mut parts = segment.split("%2F").flat_map(|part| part.split("%5C"));
        let is_one = segment.len() == parts.clone().next().map_or(0, str::len);
        let hides = |part: &str| {
            let name = part.split(';').next().unwrap_or_default();
            is_dots(name) && (!is_one || part.len() > name.len())
        };
        if parts.any(hides) {
            return Err(NotNormal::HiddenDots);
        }
    }
    Ok(())
}

fn is_dots(segment: &str) -> bool {
    segment == "." || segment == ".."
}

fn resolve_dots(path: &str) -> Result<String, NotNormal> {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => drop(kept.pop().ok_or(NotNormal::AboveRoot)?),
            plain => {
                kept.push(plain);
                continue;
            }
        }
        // `/a/.` and `/a/b/..` are the folder `/a/`, with its slash.
        if is_last {
            kept.push("");
        }
    }
    Ok(kept.iter().fold(String::with_capacity(path.len()), |path, segment| path + "/" + segment))
}
