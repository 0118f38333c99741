//! The normal form of a path: that of a normal form is itself, it is what RFC 3986 resolves the path to, and no reader that decodes
//! escapes, takes backslashes for slashes or cuts parameters off finds a way up in it.

use homeostat_routing::normal_path;

/// Checks one input.
pub fn check(input: &[u8]) {
    let Ok(path) = std::str::from_utf8(input) else { return };
    let Ok(normal) = normal_path(path) else { return };
    assert_eq!(normal_path(&normal).as_deref(), Ok(&*normal), "the normal form of a normal form is another");
    assert!(normal.starts_with('/') && normal.bytes().all(|byte| byte.is_ascii_graphic()), "{normal:?}");
    assert!(!normal.contains(['?', '#', '\\', '"', '<', '>']), "{normal:?}");
    let segments = |path: &str| path.split('/').map(decoded).collect::<Vec<_>>();
    assert_eq!(segments(&normal), segments(&resolved(path)), "the normal form of {path:?} is another path");
    for once in normal.split('/').map(decoded) {
        for part in once.split(|byte| matches!(byte, b'/' | b'\\')) {
            let name = part.split(|byte| *byte == b';').next().unwrap_or_default();
            assert!(!matches!(name, b"." | b".."), "{normal:?} hides a way up");
        }
        assert!(!once.contains(&0), "{normal:?} holds a zero byte");
    }
}

/// The bytes of a segment with its escapes taken off.
fn decoded(segment: &str) -> Vec<u8> {
    let mut bytes = segment.bytes();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        let pair = (byte == b'%').then(|| [bytes.next(), bytes.next()].map(Option::unwrap_or_default));
        plain.push(pair.map_or(byte, |pair| {
            let digits = std::str::from_utf8(&pair).expect("digits are text");
            u8::from_str_radix(digits, 16).expect("an escape that was accepted has two digits")
        }));
    }
    plain
}

/// Dot segments taken out as RFC 3986, section 5.2.4 says it, letter by letter.
fn resolved(path: &str) -> String {
    let mut input = path.replace("%2e", ".").replace("%2E", ".");
    let mut output = String::new();
    while !input.is_empty() {
        if input.starts_with("/./") || input == "/." {
            input.replace_range(..input.len().min(3), "/");
        } else if input.starts_with("/../") || input == "/.." {
            input.replace_range(..input.len().min(4), "/");
            output.truncate(output.rfind('/').unwrap_or(0));
        } else {
            let end = input[1..].find('/').map_or(input.len(), |at| at + 1);
            output.push_str(&input[..end]);
            input.replace_range(..end, "");
        }
    }
    output
}
