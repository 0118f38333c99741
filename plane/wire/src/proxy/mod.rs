//! The PROXY protocol, versions 1 and 2, as a pure function: who a client was before a load balancer in front of us.
//!
//! Used only where a listener asks for it, and then the header must be there: a listener that takes it when it comes lets every client
//! choose its own address. Written from the specification of the protocol (2020/03/05).

mod network;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub use network::{Network, NetworkError};

/// The longest header of version 1, with its line end.
const V1_BYTES_MAX: usize = 107;
const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const V2_FIXED_BYTES: usize = 16;
/// Addresses take 36 bytes; the rest is for options (names, TLS facts) that we skip.
pub const HEADER_BYTES_MAX: usize = 2048;

/// What the first bytes of a connection say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// All of them belong to the header, and more must come.
    More,
    /// A whole header.
    Header {
        /// Its length in bytes.
        used: usize,
        /// The client and the address it came to; none where the sender speaks for itself (health checks).
        addresses: Option<(SocketAddr, SocketAddr)>,
    },
    /// No header.
    Bad,
}

/// Looks at the first bytes of a connection.
pub fn parse(input: &[u8]) -> Parsed {
    let signed = input.len().min(V2_SIGNATURE.len());
    if input[..signed] == V2_SIGNATURE[..signed] {
        return v2(input);
    }
    let tagged = input.len().min(b"PROXY ".len());
    if input[..tagged] == b"PROXY "[..tagged] { v1(input) } else { Parsed::Bad }
}

fn v1(input: &[u8]) -> Parsed {
    let window = &input[..input.len().min(V1_BYTES_MAX)];
    let Some(feed) = memchr::memchr(b'\n', window) else {
        return if input.len() < V1_BYTES_MAX { Parsed::More } else { Parsed::Bad };
    };
    let line = window[..feed].strip_suffix(b"\r").and_then(|line| std::str::from_utf8(line).ok());
    let used = feed + 1;
    let Some(line) = line else { return Parsed::Bad };
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["PROXY", "UNKNOWN", ..] => Parsed::Header { used, addresses: None },
        ["PROXY", family @ ("TCP4" | "TCP6"), source, target, source_port, target_port] => {
            let address = |host: &str, port: &str| {
                let host: IpAddr = host.parse().ok()?;
                let digits = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
                let port = port.parse().ok().filter(|_| digits && (port == "0" || !port.starts_with('0')))?;
                (host.is_ipv4() == (family == "TCP4")).then(|| SocketAddr::new(host, port))
            };
            match (address(source, source_port), address(target, target_port)) {
                (Some(source), Some(target)) => Parsed::Header { used, addresses: Some((source, target)) },
                _ => Parsed::Bad,
            }
        }
        _ => Parsed::Bad,
    }
}

fn v2(input: &[u8]) -> Parsed {
    let Some(fixed) = input.get(..V2_FIXED_BYTES) else { return Parsed::More };
    let used = V2_FIXED_BYTES + usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if fixed[12] >> 4 != 2 || used > HEADER_BYTES_MAX {
        return Parsed::Bad;
    }
    let (command, family) = (fixed[12] & 0xf, fixed[13]);
    let Some(rest) = input.get(V2_FIXED_BYTES..used) else {
        return if command > 1 { Parsed::Bad } else { Parsed::More };
    };
    match (command, family) {
        (0, _) => Parsed::Header { used, addresses: None },
        (1, 0x11) => v2_addresses::<4>(rest, used, |octets| IpAddr::V4(Ipv4Addr::from(octets))),
        (1, 0x21) => v2_addresses::<16>(rest, used, |octets| IpAddr::V6(Ipv6Addr::from(octets))),
        // Unspecified, datagrams and Unix sockets: the sender is whom it speaks for, as far as we can know.
        (1, 0x00 | 0x12 | 0x22 | 0x31 | 0x32) => Parsed::Header { used, addresses: None },
        _ => Parsed::Bad,
    }
}

fn v2_addresses<const N: usize>(rest: &[u8], used: usize, host: fn([u8; N]) -> IpAddr) -> Parsed {
    let read = || {
        let (source, rest) = rest.split_first_chunk::<N>()?;
        let (target, rest) = rest.split_first_chunk::<N>()?;
        let (source_port, rest) = rest.split_first_chunk::<2>()?;
        let (target_port, _) = rest.split_first_chunk::<2>()?;
        let source = SocketAddr::new(host(*source), u16::from_be_bytes(*source_port));
        Some((source, SocketAddr::new(host(*target), u16::from_be_bytes(*target_port))))
    };
    read().map_or(Parsed::Bad, |addresses| Parsed::Header { used, addresses: Some(addresses) })
}
