//! Header names that upstreams may take for each other.
//!
//! CGI, WSGI and their kin turn `-` into `_`, so that `X_User` and `X-User` become the same variable. Whatever the gateway takes away
//! from clients it takes away under every such spelling; else it could be said again beside the gateway's own word.

use http::header::{HeaderMap, HeaderName};

/// Takes out every header that an upstream could take for `name`, `name` itself too.
pub fn remove_lookalikes(headers: &mut HeaderMap, name: &HeaderName) {
    headers.remove(name);
    if !headers.keys().any(|other| other.as_str().as_bytes().contains(&b'_')) {
        return;
    }
    let alike: Vec<HeaderName> = headers.keys().filter(|other| same(other.as_str(), name.as_str())).cloned().collect();
    for other in alike {
        headers.remove(other);
    }
}

/// Whether two names in small letters are the same but for `_` and `-`.
pub(super) fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && same_start(one, other)
}

/// Whether a name in small letters begins like another but for `_` and `-`.
pub(super) fn same_start(name: &str, start: &str) -> bool {
    let dash = |byte: u8| if byte == b'_' { b'-' } else { byte };
    name.len() >= start.len() && name.bytes().zip(start.bytes()).all(|(one, other)| dash(one) == dash(other))
}
