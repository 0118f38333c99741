//! Which coding a client gets: the one it likes best, and of those the one that the settings name first.

use crate::quality;
use homeostat_routing::settings::Coding;
use http::header::{ACCEPT_ENCODING, HeaderMap};

/// The name of a coding in headers.
pub(super) const fn name(coding: Coding) -> &'static str {
    match coding {
        Coding::Gzip => "gzip",
        Coding::Brotli => "br",
        Coding::Zstd => "zstd",
    }
}

/// The coding for a client with this `Accept-Encoding`; none when it takes none of them, or likes it better plain.
#[must_use]
pub fn choose(request_headers: &HeaderMap, offered: &[Coding]) -> Option<Coding> {
    // No header means that anything may be sent. Whoever really takes everything says so; scripts that say nothing often do not.
    if !request_headers.contains_key(ACCEPT_ENCODING) {
        return None;
    }
    let mut best: Option<(Coding, u16)> = None;
    let weight_of = |wanted: &[&str]| {
        let mut weight = None;
        for (member, said) in quality::members(request_headers, &ACCEPT_ENCODING) {
            if wanted.iter().any(|name| member.eq_ignore_ascii_case(name)) {
                weight = weight.max(Some(said));
            }
        }
        weight
    };
    let others = weight_of(&["*"]);
    for coding in offered {
        let named = match coding {
            // An old name for the same.
            Coding::Gzip => weight_of(&["gzip", "x-gzip"]),
            other => weight_of(&[name(*other)]),
        };
        let weight = named.or(others).unwrap_or(0);
        if weight > best.map_or(0, |(_, best)| best) {
            best = Some((*coding, weight));
        }
    }
    let plain = weight_of(&["identity"]).unwrap_or(0);
    best.filter(|(_, weight)| *weight >= plain).map(|(coding, _)| coding)
}
