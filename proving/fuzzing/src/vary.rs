//! Variants: two requests that share one wish for the same. The first line of an input is the answer's `Vary`; the fields of the first
//! request follow, an empty line, and the fields of the second.

use homeostat_cache::http::{Variants, Vary};
use http::header::{ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, VARY};
use http::{HeaderMap, HeaderName};

use crate::fields::{fields, joined, lines, repeated};

/// Checks one input.
pub fn check(input: &[u8]) {
    let mut lines = lines(input);
    let answer = repeated(&VARY, lines.next().into_iter());
    let Ok(vary) = Vary::of(&answer) else { return };
    let one = fields(lines.by_ref().take_while(|line| !line.is_empty()));
    let other = fields(lines);
    let (Some(first), Some(second)) = (vary.secondary(&one), vary.secondary(&other)) else { return };
    assert!(!first.contains('\r') && first.matches('\n').count() == vary.fields().len(), "a line too many: {first:?}");
    let variants = Variants::new(vary.clone(), 8);
    assert_eq!(first == second, variants.key("k", &one) == variants.key("k", &other));
    if first == second {
        for field in vary.fields() {
            assert_eq!(Wish::of(field, &one), Wish::of(field, &other), "{field}: one variant for two wishes");
        }
    }
}

/// What an origin may tell requests apart by.
#[derive(Debug, PartialEq, Eq)]
enum Wish {
    /// The field is not there.
    Nothing,
    /// Members with their weights in thousandths, in any order.
    Weighed(Vec<(String, Option<u16>)>),
    /// Members in their order.
    Listed(Vec<Vec<u8>>),
    /// Something with quotes: its bytes, without what may be changed between members.
    Quoted(Vec<u8>),
}

impl Wish {
    fn of(field: &HeaderName, request: &HeaderMap) -> Self {
        if !request.contains_key(field) {
            return Self::Nothing;
        }
        let value = joined(request, field);
        let is_weighed = [ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE].contains(field);
        if value.contains(&b'"') {
            let between = |byte: &u8| matches!(byte, b' ' | b'\t' | b',');
            let mut bytes: Vec<u8> = value.into_iter().filter(|byte| !between(byte)).collect();
            if is_weighed {
                bytes.make_ascii_lowercase();
            }
            return Self::Quoted(bytes);
        }
        let members = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty());
        match std::str::from_utf8(&value) {
            Ok(text) if is_weighed && text.is_ascii() => Self::weighed(text),
            _ => Self::Listed(members.map(<[u8]>::to_vec).collect()),
        }
    }

    fn weighed(text: &str) -> Self {
        let text = text.to_ascii_lowercase().replace([' ', '\t'], " ");
        let members = text.split(',').map(str::trim).filter(|member| !member.is_empty());
        let mut wishes: Vec<(String, Option<u16>)> = members.map(wish).collect();
        // Whoever takes anything, or the plain form unless told, is told something by a weight of nothing.
        let takes_any = wishes.iter().any(|(name, _)| name.contains('*'));
        wishes.retain(|(name, weight)| *weight != Some(0) || takes_any || name == "identity");
        wishes.sort();
        wishes.dedup();
        Self::Weighed(wishes)
    }
}

/// A name with its parameters, and its weight; none when the weight is no number, and then its text stays with the name.
fn wish(member: &str) -> (String, Option<u16>) {
    let parts: Vec<&str> = member.split(';').map(str::trim).collect();
    let (weights, names): (Vec<&str>, Vec<&str>) = parts.iter().skip(1).partition(|part| part.starts_with("q="));
    let name = [&parts[..1], &names].concat().join(";");
    match weights[..] {
        [] => (name, Some(1_000)),
        [weight] => match thousandths(&weight[2..]) {
            Some(weight) => (name, Some(weight)),
            None => (format!("{name};{weight}"), None),
        },
        _ => (parts.join(";"), None),
    }
}

/// `0.5`, with at most three digits behind the point.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_short = part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit()) && matches!(whole, "0" | "1");
    let weight: u16 = format!("{whole}{part:0<3}").parse().ok()?;
    (is_short && weight <= 1_000).then_some(weight)
}
