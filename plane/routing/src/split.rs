//! Which side of a split a request goes to.
//!
//! Called by the gateway for each request of a route that forwards. Always holds: each side gets the share of clients that its weight says; the
//! same client always goes to the same side while the weights stay; when a weight changes, only those clients move that must. The chance
//! comes in as a number, so that any run can be repeated.

use crate::table::UpstreamId;
use http::header::COOKIE;
use http::{HeaderMap, HeaderName};

/// Longer marks than this are not ours, nor an id of anybody's: they count as none.
const MARK_BYTES_MAX: usize = 256;

/// The sides of a route that forwards, and what keeps a client on one.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    sides: Box<[Side]>,
    sticky: Option<Mark>,
}

/// One side.
#[derive(Clone, Debug, PartialEq)]
struct Side {
    upstream: UpstreamId,
    weight: f64,
    seed: u64,
}

/// What a client is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A cookie of the gateway's own.
    Cookie {
        /// Its name.
        name: Box<str>,
        /// How many seconds browsers keep it.
        age_max_s: u64,
    },
    /// A header.
    Header(HeaderName),
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dealt {
    /// To this upstream.
    pub upstream: UpstreamId,
    /// The `Set-Cookie` that the answer must carry so that the client stays there; under TLS, `; Secure` belongs behind it.
    pub set_cookie: Option<String>,
}

impl Split {
    pub(crate) fn new(sides: impl Iterator<Item = (UpstreamId, String, u32)>, sticky: Option<Mark>) -> Self {
        let sides = sides.filter(|(_, _, weight)| *weight > 0);
        let sides = sides.map(|(upstream, name, weight)| Side {
            upstream,
            weight: f64::from(weight),
            seed: digest(name.as_bytes()),
        });
        Self { sides: sides.collect(), sticky }
    }

    /// Every upstream that a request can go to.
    pub fn upstreams(&self) -> impl Iterator<Item = UpstreamId> + '_ {
        self.sides.iter().map(|side| side.upstream)
    }

    /// Where a request with these headers goes. `chance` is a random number: it decides for clients that are not known yet.
    #[must_use]
    pub fn deal(&self, headers: &HeaderMap, chance: u64) -> Dealt {
        if let [only] = &*self.sides {
            return Dealt { upstream: only.upstream, set_cookie: None };
        }
        let known = |mark: &[u8]| Dealt { upstream: self.side_of(digest(mark)), set_cookie: None };
        let anew = || Dealt { upstream: self.side_of(mix(chance)), set_cookie: None };
        match &self.sticky {
            None => anew(),
            Some(Mark::Header(name)) => {
                let mark = headers.get(name).map(http::HeaderValue::as_bytes).filter(|mark| is_mark(mark));
                mark.map_or_else(anew, known)
            }
            Some(Mark::Cookie { name, age_max_s }) => {
                if let Some(mark) = cookie(headers, name) {
                    return known(mark);
                }
                let mark = format!("{:016x}", mix(chance));
                let set_cookie = format!("{name}={mark}; Path=/; Max-Age={age_max_s}; HttpOnly; SameSite=Lax");
                Dealt { set_cookie: Some(set_cookie), ..known(mark.as_bytes()) }
            }
        }
    }

    /// Weighted rendezvous: each side draws a number from the client's digest and its own name, scaled by its weight, and the best takes the
    /// client. A side whose weight grows wins clients from all others and loses none; ranges on a line would move clients between sides
    /// whose weights did not change.
    fn side_of(&self, client: u64) -> UpstreamId {
        let cost = |side: &Side| {
            // 53 bits are what a float holds exactly; the half keeps the draw off zero, whose logarithm is no number.
            let draw = ((mix(client ^ side.seed) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
            -draw.ln() / side.weight
        };
        let best = self.sides.iter().min_by(|a, b| cost(a).total_cmp(&cost(b)));
        best.expect("a split without weight is refused").upstream
    }
}

fn is_mark(mark: &[u8]) -> bool {
    (1..=MARK_BYTES_MAX).contains(&mark.len())
}

/// The value of a cookie, the first of that name.
fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';')).map(<[u8]>::trim_ascii);
    let values = pairs.filter_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    values.into_iter().next().filter(|value| is_mark(value))
}

/// FNV-1a, then mixed: names and marks are short, and a client that picks its own mark can only pick its own side.
fn digest(text: &[u8]) -> u64 {
    mix(text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)))
}

/// Spreads every bit over all of them (the finaliser of splitmix64).
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
