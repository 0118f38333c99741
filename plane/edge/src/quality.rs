//! Lists with weights, as in `Accept`, `Accept-Encoding` and `Accept-Language`: `gzip;q=0.5, br`.
//!
//! Pure; never panics, whatever the bytes. A member whose weight cannot be read is passed over, as if it had not been said.

use http::header::{HeaderMap, HeaderName};

/// The most members that are read; browsers send four to eight.
const MEMBERS_MAX: usize = 32;
/// A weight of one.
pub const WHOLE: u16 = 1_000;

/// The members of a list over all its lines, each with its weight in thousandths.
pub fn members<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = (&'a str, u16)> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).take(MEMBERS_MAX).filter_map(member)
}

fn member(text: &str) -> Option<(&str, u16)> {
    let mut parts = text.split(';').map(|part| part.trim_matches([' ', '\t']));
    let name = parts.next().filter(|name| !name.is_empty())?;
    let mut weight = WHOLE;
    for part in parts {
        let Some((key, value)) = part.split_once('=') else { continue };
        if key.eq_ignore_ascii_case("q") {
            weight = thousandths(value)?;
        }
    }
    Some((name, weight))
}

/// `0`, `0.5`, `1.000`: one digit, and three after the point at most.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let padded = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    let part = padded.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match whole {
        "0" => Some(part),
        "1" if part == 0 => Some(WHOLE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_read_as_the_standard_writes_them() {
        // Would break: `gzip;q=0`, which forbids gzip, is taken for a wish.
        for (text, expected) in [
            ("gzip", Some(("gzip", 1_000))),
            (" br ; q=0.5 ", Some(("br", 500))),
            ("br;Q=0.05", Some(("br", 50))),
            ("zstd;q=0", Some(("zstd", 0))),
            ("zstd;q=0.000", Some(("zstd", 0))),
            ("text/html;level=1;q=0.25", Some(("text/html", 250))),
            ("a;q=1.000", Some(("a", 1_000))),
            ("a;q=1.001", None),
            ("a;q=2", None),
            ("a;q=0.1234", None),
            ("a;q=-1", None),
            ("a;q=", None),
            ("a;q=nan", None),
            (";q=1", None),
            ("", None),
        ] {
            assert_eq!(member(text), expected, "{text:?}");
        }
    }
}
