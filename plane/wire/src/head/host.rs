//! What may stand in a Host header, an `:authority` or the authority of a target: a name or an address, and a port.
//!
//! Narrower than the RFC on purpose: no user, no percent escapes and no sub-delimiters, which no host has and which routers and
//! origins read differently.

use thiserror::Error;

/// A host that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the host is malformed")]
pub struct HostError;

/// A name may have 253 letters (RFC 1035); the rest is for a port.
const HOST_BYTES_MAX: usize = 260;
const PORT_DIGITS_MAX: usize = 5;

/// What a name is made of. Looked up and not asked for letter by letter: every request has a host.
const IS_PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < plain.len() {
        plain[byte] = matches!(byte as u8, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    plain
};

/// Whether this is a host with or without a port.
pub fn is_valid(host: &[u8]) -> bool {
    if host.is_empty() || host.len() > HOST_BYTES_MAX {
        return false;
    }
    let (name, port) = if host[0] == b'[' {
        let Some(close) = host.iter().position(|byte| *byte == b']') else { return false };
        let inner = &host[1..close];
        let plain = std::str::from_utf8(inner).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
        (plain, &host[close + 1..])
    } else {
        let end = host.iter().position(|byte| !IS_PLAIN[usize::from(*byte)]).unwrap_or(host.len());
        (end > 0, &host[end..])
    };
    name && match port {
        [] => true,
        [b':', digits @ ..] => {
            (1..=PORT_DIGITS_MAX).contains(&digits.len())
                && digits.iter().all(u8::is_ascii_digit)
                && std::str::from_utf8(digits).is_ok_and(|text| text.parse::<u16>().is_ok())
        }
        _ => false,
    }
}
