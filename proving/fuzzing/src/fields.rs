//! Header fields out of the bytes of an input, for the targets that judge fields: one on a line, as `name: value`. What is no field is
//! left out, so that every input means something.

use http::{HeaderMap, HeaderName, HeaderValue};

/// More lines than this tell nothing new and slow the fuzzer down.
const LINES_MAX: usize = 200;

/// The lines of an input.
pub fn lines(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    input.split(|byte| *byte == b'\n').take(LINES_MAX)
}

/// The fields that lines name.
pub fn fields<'a>(lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            fields.append(name, value);
        }
    }
    fields
}

/// One field, with a line for each that can be a value.
pub fn repeated<'a>(name: &HeaderName, lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for value in lines.filter_map(|line| HeaderValue::from_bytes(line).ok()) {
        fields.append(name, value);
    }
    fields
}

/// The lines of a field as one, joined by commas, as any hop may write it.
pub fn joined(fields: &HeaderMap, name: &HeaderName) -> Vec<u8> {
    let lines: Vec<&[u8]> = fields.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    lines.join(&b", "[..])
}
