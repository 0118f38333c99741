//! A token: a text has one meaning and a meaning one text, so that a token cannot be spelled anew to pass a list of refused ones.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use homeostat_edge::jwt::{KeySet, Token};

/// Checks one input.
pub fn check(input: &[u8]) {
    // A set of keys comes from outside as well.
    let keys = KeySet::parse(input);
    assert!(keys.is_err() || keys.is_ok_and(|keys| !keys.is_empty()), "a set without keys");
    let Some(token) = Token::parse(input) else { return };
    assert!(!token.signature.is_empty(), "a token without a signature");
    let header = token.signed.split(|byte| *byte == b'.').next().unwrap_or_default();
    let plain = URL_SAFE_NO_PAD.decode(header).expect("a header that was read");
    let parts = [&plain, &token.payload, &token.signature].map(|part| URL_SAFE_NO_PAD.encode(part));
    assert_eq!(parts.join(".").as_bytes(), input, "the same token has another spelling");
    let text = String::from_utf8(plain).expect("JSON is text").to_ascii_lowercase();
    assert!(token.algorithm.is_none() || !text.contains("\"alg\":\"none\""), "`none` is an algorithm");
}
