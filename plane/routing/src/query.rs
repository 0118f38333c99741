//! The parameters of a query, read without copying.

/// Whether one of the values of a parameter passes.
pub fn any_value(query: &str, name: &str, passes: impl Fn(Decoded<'_>) -> bool) -> bool {
    query.split('&').any(|pair| {
        let (written, value) = pair.split_once('=').unwrap_or((pair, ""));
        decoded(written).eq(name.bytes()) && passes(decoded(value))
    })
}

/// The bytes of a name or value with its escapes taken off.
pub fn decoded(text: &str) -> Decoded<'_> {
    Decoded(text.as_bytes())
}

/// See [`decoded`].
pub struct Decoded<'a>(&'a [u8]);

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (byte, rest) = match self.0 {
            [b'%', high, low, rest @ ..] if digit(*high).is_some() && digit(*low).is_some() => {
                (digit(*high)? << 4 | digit(*low)?, rest)
            }
            [b'+', rest @ ..] => (b' ', rest),
            [byte, rest @ ..] => (*byte, rest),
            [] => return None,
        };
        self.0 = rest;
        Some(byte)
    }
}
