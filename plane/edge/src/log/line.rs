//! One line of the log: JSON written by hand, because it is written once a request.
//!
//! Pure. Always holds: a line is one JSON object without a line break in it, whatever a client sent; its length is bounded.

use super::Record;
use crate::hex;
use std::io::Write;

/// The most bytes of a text that are written; the rest is cut off and marked with an ellipsis.
const TEXT_BYTES_MAX: usize = 1_024;

/// Writes a line with its line break.
pub(super) fn write(record: &Record<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"time\":\"");
    let _ = write!(out, "{}\",\"client\":\"{}\"", record.at, record.client);
    text(out, b",\"method\":", record.method);
    text(out, b",\"host\":", record.host);
    let path = record.path.split(['?', '#']).next().unwrap_or_default();
    text(out, b",\"path\":", path);
    text(out, b",\"protocol\":", record.protocol);
    number(out, b",\"status\":", u64::from(record.status));
    number(out, b",\"bytes\":", record.bytes);
    number(out, b",\"duration_us\":", u64::try_from(record.duration.as_micros()).unwrap_or(u64::MAX));
    text(out, b",\"route\":", record.route);
    text(out, b",\"upstream\":", record.upstream);
    text(out, b",\"endpoint\":", record.endpoint);
    if record.attempts > 0 {
        number(out, b",\"attempts\":", u64::from(record.attempts));
    }
    text(out, b",\"cache\":", record.cache);
    text(out, b",\"code\":", record.code);
    text(out, b",\"caller\":", record.caller);
    text(out, b",\"agent\":", record.agent);
    text(out, b",\"request_id\":", record.request_id.as_str());
    if let Some(trace_id) = record.trace_id {
        let mut digits = [0; 32];
        hex::write(trace_id, &mut digits);
        out.extend_from_slice(b",\"trace_id\":\"");
        out.extend_from_slice(&digits);
        out.push(b'"');
    }
    out.extend_from_slice(b"}\n");
}

fn number(out: &mut Vec<u8>, name: &[u8], mut value: u64) {
    out.extend_from_slice(name);
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

fn text(out: &mut Vec<u8>, name: &[u8], value: &str) {
    if value.is_empty() {
        return;
    }
    out.extend_from_slice(name);
    out.push(b'"');
    let whole = value.len() <= TEXT_BYTES_MAX;
    let kept = if whole { value } else { &value[..value.floor_char_boundary(TEXT_BYTES_MAX)] };
    escaped(out, kept);
    if !whole {
        out.extend_from_slice("…".as_bytes());
    }
    out.push(b'"');
}

/// Escapes what JSON asks for, and what a terminal or a line reader could take for more than text: control letters of both kinds, and
/// the two line breaks of Unicode.
fn escaped(out: &mut Vec<u8>, value: &str) {
    if value.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\') {
        out.extend_from_slice(value.as_bytes());
        return;
    }
    for letter in value.chars() {
        match letter {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            letter if letter.is_control() || letter == '\u{2028}' || letter == '\u{2029}' || is_direction(letter) => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => {
                let mut bytes = [0; 4];
                out.extend_from_slice(letter.encode_utf8(&mut bytes).as_bytes());
            }
        }
    }
}

/// Letters that turn the direction of reading: they make a line look like another one.
const fn is_direction(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
