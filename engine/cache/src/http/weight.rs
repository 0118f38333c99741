//! The weight in a list of wishes, as in `Accept-Encoding: gzip;q=0.5`: one reader, for the cache's variants and for whoever answers by them.
//!
//! Pure; never panics, whatever the bytes. It only reads: whether a weight that means nothing takes its member away is the caller's to say.

/// A weight of one, in thousandths: what a member has that says none.
pub const WHOLE: u16 = 1_000;

/// A parameter that should be a weight, and means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoWeight;

/// What one parameter of a member says of its weight, in thousandths; `None` when it is about something else.
pub fn weight(parameter: &str) -> Option<Result<u16, NoWeight>> {
    let (key, value) = parameter.split_once('=')?;
    key.eq_ignore_ascii_case("q").then(|| thousandths(value).ok_or(NoWeight))
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
