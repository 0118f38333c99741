//! The `Forwarded` header of RFC 7239, read strictly.
//!
//! Pure. An element that breaks the grammar, says something twice, or names nobody (`unknown`, `_hidden`) is `None`: the walk ends there.

use super::chain::read_address;
use super::{Scheme, scheme_named};
use std::net::IpAddr;

/// The most bytes of all lines together that are read; a longer header counts as unreadable.
const BYTES_MAX: usize = 8 << 10;

/// What one hop says of the hop before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub address: Option<IpAddr>,
    pub scheme: Option<Scheme>,
    pub host: Option<String>,
}

/// Every element of all lines, in order; `None` for one that cannot be read.
pub(super) fn elements<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<Option<Element>> {
    let mut found = Vec::new();
    let mut left = BYTES_MAX;
    for line in lines {
        let Some(rest) = left.checked_sub(line.len()) else { return vec![None] };
        left = rest;
        match std::str::from_utf8(line) {
            Ok(line) => split_outside_quotes(line, ',').for_each(|element| found.push(read_element(element))),
            Err(_) => found.push(None),
        }
    }
    found
}

fn read_element(text: &str) -> Option<Element> {
    let mut element = Element::default();
    let (mut for_seen, mut proto_seen, mut host_seen) = (false, false, false);
    for pair in split_outside_quotes(text, ';') {
        let (name, value) = pair.trim_matches([' ', '\t']).split_once('=')?;
        let value = read_value(value)?;
        let seen = match () {
            () if name.eq_ignore_ascii_case("for") => {
                element.address = read_address(&value);
                &mut for_seen
            }
            () if name.eq_ignore_ascii_case("proto") => {
                element.scheme = scheme_named(&value);
                &mut proto_seen
            }
            () if name.eq_ignore_ascii_case("host") => {
                element.host = Some(value);
                &mut host_seen
            }
            () if is_token(name) => continue,
            () => return None,
        };
        if std::mem::replace(seen, true) {
            return None;
        }
    }
    element.address.is_some().then_some(element)
}

/// A token, or a quoted text without its quotes and backslashes.
fn read_value(text: &str) -> Option<String> {
    let Some(rest) = text.strip_prefix('"') else { return is_token_of_a_node(text).then(|| text.to_owned()) };
    let mut value = String::with_capacity(rest.len());
    let mut letters = rest.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return letters.as_str().is_empty().then_some(value),
            '\\' => value.push(letters.next()?),
            _ => value.push(letter),
        }
    }
    None
}

/// Parts between separators that stand outside quotes.
fn split_outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |letter| {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return letter == separator && !quoted,
        }
        false
    })
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// A token; a colon is let through, because many write `for=192.0.2.1:80` without the quotes that it asks for.
fn is_token_of_a_node(text: &str) -> bool {
    !text.is_empty() && text.split(':').all(is_token)
}
