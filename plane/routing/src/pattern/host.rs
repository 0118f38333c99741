//! Hosts: a name, or every name below one.

use crate::say;
use homeostat_vocabulary::Sentence;

/// The longest host name there is (RFC 1035), with room for an address in brackets.
pub const HOST_BYTES_MAX: usize = 255;

/// Room for a host in small letters.
pub type HostBuffer = [u8; HOST_BYTES_MAX];

/// Which hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// This one.
    Exact(Box<str>),
    /// Every name below this one, however deep, and not the name itself.
    Below(Box<str>),
}

impl HostPattern {
    /// Reads a host as it is written in a route.
    pub fn parse(text: &str) -> Result<Self, Sentence> {
        let (below, name) = text.strip_prefix("*.").map_or((false, text), |name| (true, name));
        if name.contains('*') {
            return Err(say::host_star());
        }
        if name.starts_with('[') {
            let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let address = inner.and_then(|inner| inner.parse::<std::net::Ipv6Addr>().ok());
            return match address {
                Some(_) if !below => Ok(Self::Exact(name.to_ascii_lowercase().into())),
                _ => Err(say::host_brackets()),
            };
        }
        if name.contains(':') {
            return Err(say::host_alone());
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(plain);
        if name.len() > HOST_BYTES_MAX || !name.split('.').all(is_label) {
            return Err(say::host_letters());
        }
        let name = name.to_ascii_lowercase().into();
        Ok(if below { Self::Below(name) } else { Self::Exact(name) })
    }
}

/// The host of a request in the form of the table: in small letters, without port and without the dot at the end. Empty when it cannot be
/// the host of any route.
pub fn plain_host<'a>(host: &'a str, buffer: &'a mut HostBuffer) -> &'a str {
    let name = if host.starts_with('[') {
        host.split_inclusive(']').next().unwrap_or_default()
    } else {
        host.split(':').next().unwrap_or_default()
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if !name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return name;
    }
    let Some(room) = buffer.get_mut(..name.len()) else { return "" };
    room.copy_from_slice(name.as_bytes());
    room.make_ascii_lowercase();
    std::str::from_utf8(room).unwrap_or_default()
}
