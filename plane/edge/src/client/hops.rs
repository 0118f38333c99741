//! The networks of the proxies in front of the gateway, `gateway.trusted_hops`.
//!
//! Read once when settings are compiled; asked several times for a request behind a proxy, once for all others.

use std::net::IpAddr;
use std::str::FromStr;

/// The most networks: a content network publishes some dozens, and each request is compared with all of them.
const NETWORKS_MAX: usize = 1_024;

/// Why an entry of `gateway.trusted_hops` cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HopError {
    /// It is no address and no network.
    #[error("`{0}` is no address and no network such as \"10.0.0.0/8\"")]
    NoNetwork(String),
    /// The prefix is longer than the address.
    #[error("`{0}`: the prefix is longer than the address")]
    LongPrefix(String),
    /// Bits outside the prefix are set, so that it is not clear which network is meant.
    #[error("`{0}` has bits beyond its prefix; the network is written with zeros there")]
    LooseBits(String),
    /// There are too many.
    #[error("there are {0} trusted hops; {NETWORKS_MAX} is the most")]
    TooMany(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Network {
    V4 { bits: u32, mask: u32 },
    V6 { bits: u128, mask: u128 },
}

/// The networks whose word about a client is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedHops(Vec<Network>);

impl TrustedHops {
    /// Reads addresses and networks as they stand in the settings.
    ///
    /// # Errors
    /// When one of them cannot be read or there are too many.
    pub fn parse<T: AsRef<str>>(entries: &[T]) -> Result<Self, HopError> {
        if entries.len() > NETWORKS_MAX {
            return Err(HopError::TooMany(entries.len()));
        }
        entries.iter().map(|entry| entry.as_ref().parse()).collect::<Result<_, _>>().map(Self)
    }

    /// Whether nobody is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this address belongs to a trusted hop.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let asked = u32::from(address);
                self.0.iter().any(|network| matches!(network, Network::V4 { bits, mask } if asked & mask == *bits))
            }
            IpAddr::V6(address) => {
                let asked = u128::from(address);
                self.0.iter().any(|network| matches!(network, Network::V6 { bits, mask } if asked & mask == *bits))
            }
        }
    }
}

impl FromStr for Network {
    type Err = HopError;

    fn from_str(text: &str) -> Result<Self, HopError> {
        let unread = || HopError::NoNetwork(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(read_prefix(prefix).ok_or_else(unread)?)),
            None => (text, None),
        };
        let network = match address.parse::<IpAddr>().map_err(|_| unread())? {
            IpAddr::V4(address) => v4(u32::from(address), prefix.unwrap_or(u32::BITS)),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                // Peers on a dual-stack socket are compared as IPv4: a mapped network must mean the same.
                Some(address) => {
                    let prefix = prefix.unwrap_or(u128::BITS).checked_sub(u128::BITS - u32::BITS);
                    prefix.and_then(|prefix| v4(u32::from(address), prefix))
                }
                None => v6(u128::from(address), prefix.unwrap_or(u128::BITS)),
            },
        };
        let network = network.ok_or_else(|| HopError::LongPrefix(text.to_owned()))?;
        let loose = match network {
            Network::V4 { bits, mask } => bits & !mask != 0,
            Network::V6 { bits, mask } => bits & !mask != 0,
        };
        if loose { Err(HopError::LooseBits(text.to_owned())) } else { Ok(network) }
    }
}

/// A prefix is written in digits without a sign or leading zeros.
fn read_prefix(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

fn v4(bits: u32, prefix: u32) -> Option<Network> {
    let mask = u32::MAX.checked_shl(u32::BITS.checked_sub(prefix)?).unwrap_or(0);
    Some(Network::V4 { bits, mask })
}

fn v6(bits: u128, prefix: u32) -> Option<Network> {
    let mask = u128::MAX.checked_shl(u128::BITS.checked_sub(prefix)?).unwrap_or(0);
    Some(Network::V6 { bits, mask })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_they_say_and_nothing_else() {
        // Would break: a network that is one bit too wide believes strangers.
        let hops =
            TrustedHops::parse(&["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::ffff:198.51.100.0/120"]).unwrap();
        for inside in ["10.255.0.1", "192.0.2.7", "2001:db8:ffff::1", "::ffff:10.1.2.3", "198.51.100.9"] {
            assert!(hops.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["11.0.0.0", "192.0.2.8", "2001:db9::", "::ffff:11.0.0.1", "198.51.101.0", "::1"] {
            assert!(!hops.contains(outside.parse().unwrap()), "{outside}");
        }
        let all = TrustedHops::parse(&["0.0.0.0/0", "::/0"]).unwrap();
        assert!(all.contains("203.0.113.1".parse().unwrap()) && all.contains("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        // Would break: a slip of the pen trusts more, or other, machines than were meant.
        for bad in [
            "",
            "proxy",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "::/129",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "::ffff:10.0.0.0/8",
        ] {
            assert!(TrustedHops::parse(&[bad]).is_err(), "{bad:?} passed");
        }
        assert_eq!(TrustedHops::parse(&vec!["10.0.0.1"; 1_025]), Err(HopError::TooMany(1_025)));
    }
}
