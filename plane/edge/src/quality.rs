//! Lists with weights, as in `Accept`, `Accept-Encoding` and `Accept-Language`: `gzip;q=0.5, br`.
//!
//! Pure; never panics, whatever the bytes. A member whose weight cannot be read is passed over, as if it had not been said.

use homeostat_cache::http::{WHOLE, weight};
use http::header::{HeaderMap, HeaderName};

/// The most members that are read; browsers send four to eight.
const MEMBERS_MAX: usize = 32;

/// The members of a list over all its lines, each with its weight in thousandths.
pub fn members<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = (&'a str, u16)> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).take(MEMBERS_MAX).filter_map(member)
}

fn member(text: &str) -> Option<(&str, u16)> {
    let mut parts = text.split(';').map(|part| part.trim_matches([' ', '\t']));
    let name = parts.next().filter(|name| !name.is_empty())?;
    let mut said = WHOLE;
    for weight in parts.filter_map(weight) {
        said = weight.ok()?;
    }
    Some((name, said))
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
