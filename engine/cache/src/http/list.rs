//! The small grammar that HTTP's list fields share: commas outside quotes, tokens, quoted strings, whole seconds.
//!
//! Everything here comes from outside. Members are bounded; what does not parse is said to be so, never guessed.

use http::header::{AsHeaderName, HeaderMap};

/// How many members of one field are read; more is nonsense, or an attack.
pub(crate) const MEMBERS_MAX: usize = 64;

/// Larger numbers of seconds mean this one (RFC 9111, section 1.2.2): 68 years.
pub(crate) const SECONDS_MAX: u64 = 1 << 31;

/// The members of all lines of a field. `None` when a line is no text, a quote does not end, or there are too many.
pub(crate) fn members(headers: &HeaderMap, name: impl AsHeaderName) -> Option<Vec<&str>> {
    let mut all = Vec::new();
    for value in headers.get_all(name) {
        split(value.to_str().ok()?, &mut all)?;
    }
    Some(all)
}

/// Splits at commas outside quotes, and drops what is empty.
pub(crate) fn split<'a>(text: &'a str, members: &mut Vec<&'a str>) -> Option<()> {
    let (mut start, mut is_quoted, mut is_escaped) = (0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => {
                push(&text[start..at], members)?;
                start = at + 1;
            }
            _ => {}
        }
    }
    if is_quoted { None } else { push(&text[start..], members) }
}

fn push<'a>(member: &'a str, members: &mut Vec<&'a str>) -> Option<()> {
    let member = trim(member);
    if !member.is_empty() {
        if members.len() >= MEMBERS_MAX {
            return None;
        }
        members.push(member);
    }
    Some(())
}

/// Without the spaces and tabs around it, and nothing else that Unicode calls a space.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Whether this is a token of RFC 9110.
pub(crate) fn is_token(text: &str) -> bool {
    let is_mark = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_mark(byte))
}

/// What a quoted string says, if it says it without escapes; a token as it is.
pub(crate) fn unquoted(text: &str) -> Option<&str> {
    match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').filter(|inner| !inner.contains(['"', '\\'])),
        None => is_token(text).then_some(text),
    }
}

/// Digits and nothing else, as seconds.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().map_or(SECONDS_MAX, |seconds: u64| seconds.min(SECONDS_MAX)))
}
