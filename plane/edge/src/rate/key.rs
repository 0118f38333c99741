//! What tells the clients of a limit apart, and the number that stands for each. A header never stands for an address, whatever it says.

use super::RateError;
use crate::client::Client;
use crate::guard::Caller;
use http::header::{HeaderMap, HeaderName};
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::str::FromStr;

/// What tells the clients of a limit apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Per {
    /// The client's address; of IPv6 its first 64 bits, because whoever has one address there has all of them.
    Address,
    /// A header that the client sends.
    Header(HeaderName),
    /// A claim of its token.
    Claim(Box<str>),
    /// Nothing: one limit for all.
    Everyone,
}

impl FromStr for Per {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let unknown = || RateError::UnknownKey(text.to_owned());
        match text.split_once(':') {
            None if text == "address" => Ok(Self::Address),
            None if text == "everyone" => Ok(Self::Everyone),
            Some(("header", name)) => name.parse().map(Self::Header).map_err(|_| unknown()),
            Some(("claim", name)) if !name.is_empty() => Ok(Self::Claim(name.into())),
            _ => Err(unknown()),
        }
    }
}

/// Which kind of thing a key was made of, so that a header cannot be chosen to be somebody's address.
#[derive(Clone, Copy)]
enum Kind {
    V4 = 1,
    V6 = 2,
    Header = 3,
    Claim = 4,
}

impl Per {
    /// Whether the limit is asked before it is known who asks.
    #[must_use]
    pub const fn before_auth(&self) -> bool {
        matches!(self, Self::Address | Self::Everyone)
    }

    /// The key of a request. What lacks the header or the claim goes by its address.
    pub fn key(
        &self,
        hasher: &impl BuildHasher,
        client: &Client,
        headers: &HeaderMap,
        caller: Option<&Caller>,
    ) -> u128 {
        match self {
            Self::Everyone => 0,
            Self::Address => of_address(client.address),
            Self::Header(name) => match headers.get(name) {
                Some(value) => of_bytes(hasher, Kind::Header, value.as_bytes()),
                None => of_address(client.address),
            },
            Self::Claim(name) => match caller.and_then(|caller| caller.claim(name)) {
                Some(value) => of_bytes(hasher, Kind::Claim, value.as_bytes()),
                None => of_address(client.address),
            },
        }
    }
}

fn of_address(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => tagged(Kind::V4, u128::from(u32::from(address))),
        IpAddr::V6(address) => tagged(Kind::V6, u128::from(address) >> 64),
    }
}

fn of_bytes(hasher: &impl BuildHasher, kind: Kind, bytes: &[u8]) -> u128 {
    tagged(kind, u128::from(hasher.hash_one(bytes)))
}

fn tagged(kind: Kind, value: u128) -> u128 {
    (kind as u128) << 64 | value
}
