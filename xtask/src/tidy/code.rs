//! Rust source with its comments and literals blanked, so that a rule about code does not trip over prose.
//!
//! Called by the rules that search for words in source. Lines and columns stay where they were. It is a scanner, not a parser: it
//! knows comments (nested), strings (raw, byte, C), and chars against lifetimes, and nothing else of the language.

/// The same text with every comment and every literal replaced by spaces; line breaks stay.
pub fn without_comments_and_strings(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut kept = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => line_end(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'\'' => char_end(bytes, at),
            b'r' | b'b' | b'c' if !follows_word(bytes, at) => raw_string_end(bytes, at).unwrap_or(at),
            _ => at,
        };
        if end == at {
            kept.push(bytes[at]);
            at += 1;
        } else {
            kept.extend(bytes[at..end].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
            at = end;
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Where a word stands on its own in a text: not as part of a longer name.
pub(super) fn word_positions<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// The line, from 1, of a place in a text.
pub(super) fn line_at(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn follows_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && is_word(char::from(bytes[at - 1]))
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length)
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at + 1 < bytes.len() {
        match (bytes[at], bytes[at + 1]) {
            (b'/', b'*') => (depth, at) = (depth + 1, at + 2),
            (b'*', b'/') if depth == 1 => return at + 2,
            (b'*', b'/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// A quote opens a char when a closing quote follows at once or after an escape; else it is a lifetime.
fn char_end(bytes: &[u8], quote: usize) -> usize {
    if bytes.get(quote + 1) == Some(&b'\\') {
        let from = quote + 3;
        return bytes.iter().skip(from).position(|byte| *byte == b'\'').map_or(bytes.len(), |length| from + length + 1);
    }
    // One scalar value is at most four bytes; a lifetime has no closing quote that near, except in 'a,'b which no format allows.
    let width = bytes.get(quote + 1).map_or(1, |first| match first {
        0x00..=0x7f => 1,
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    });
    let close = quote + 1 + width;
    if bytes.get(close) == Some(&b'\'') { close + 1 } else { quote }
}

/// The end of a raw, byte or C string whose prefix starts here, if one does.
fn raw_string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let letters = bytes[start..].iter().take(2).take_while(|byte| matches!(byte, b'r' | b'b' | b'c')).count();
    let raw = bytes[start..start + letters].contains(&b'r');
    let hashes = bytes[start + letters..].iter().take_while(|byte| **byte == b'#').count();
    let quote = start + letters + hashes;
    if bytes.get(quote) != Some(&b'"') {
        return None;
    }
    if !raw {
        return (hashes == 0).then(|| string_end(bytes, quote));
    }
    let mut closing = vec![b'"'];
    closing.extend(std::iter::repeat_n(b'#', hashes));
    let body = quote + 1;
    let length = bytes[body..].windows(closing.len()).position(|window| window == closing.as_slice());
    Some(length.map_or(bytes.len(), |length| body + length + closing.len()))
}
