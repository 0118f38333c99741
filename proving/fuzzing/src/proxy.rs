//! The header of the PROXY protocol: every beginning of it asks for more, nothing behind it changes it, what is refused stays refused,
//! and its addresses written again are the same.

use std::net::{IpAddr, SocketAddr};

use homeostat_wire::proxy::{HEADER_BYTES_MAX, Parsed, parse};

/// Beyond the longest header nothing new can be said.
const INPUT_BYTES_MAX: usize = HEADER_BYTES_MAX + 64;
/// In version 1 the header is at most so long, and each of its beginnings is looked at; of longer ones each eleventh.
const EACH_BYTES_MAX: usize = 128;

/// Checks one input.
pub fn check(input: &[u8]) {
    let input = &input[..input.len().min(INPUT_BYTES_MAX)];
    let whole = parse(input);
    let step = |end: &usize| *end <= EACH_BYTES_MAX || end.is_multiple_of(11);
    let mut is_refused = false;
    for end in (0..input.len()).filter(step) {
        let part = parse(&input[..end]);
        is_refused |= part == Parsed::Bad;
        match whole {
            Parsed::Header { used, .. } if end < used => assert_eq!(part, Parsed::More, "at {end} of {used}"),
            Parsed::Header { .. } => assert_eq!(part, whole, "what follows the header changes it"),
            Parsed::More => assert_eq!(part, Parsed::More, "at {end}"),
            Parsed::Bad => assert!(!matches!(part, Parsed::Header { .. }), "more bytes undo a header"),
        }
        assert!(!is_refused || part == Parsed::Bad, "more bytes undo a refusal");
    }
    match whole {
        Parsed::More => assert!(input.len() < HEADER_BYTES_MAX, "more than the longest header is waited for"),
        Parsed::Header { used, addresses } => {
            assert!(used <= input.len() && used <= HEADER_BYTES_MAX);
            if let Some((source, target)) = addresses {
                for written in [version_1(source, target), version_2(source, target)] {
                    let again = Parsed::Header { used: written.len(), addresses };
                    assert_eq!(parse(&written), again, "{}", written.escape_ascii());
                }
            }
        }
        Parsed::Bad => {}
    }
}

fn version_1(source: SocketAddr, target: SocketAddr) -> Vec<u8> {
    let family = if source.is_ipv4() { 4 } else { 6 };
    let (from, to) = (source.ip(), target.ip());
    format!("PROXY TCP{family} {from} {to} {} {}\r\n", source.port(), target.port()).into_bytes()
}

fn version_2(source: SocketAddr, target: SocketAddr) -> Vec<u8> {
    let octets = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let family = if source.is_ipv4() { 0x11 } else { 0x21 };
    let addresses = [octets(source.ip()), octets(target.ip())].concat();
    let ports = [source.port().to_be_bytes(), target.port().to_be_bytes()].concat();
    let length = u16::try_from(addresses.len() + ports.len()).expect("at most 36 bytes").to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n\x21".as_slice(), &[family], &length, &addresses, &ports].concat()
}
