//! From `HOST:PORT` to a connection.
//!
//! Called by the tcp and http probes. Addresses and `localhost` need no resolver; any other name is looked up on the blocking
//! pool, at most one look-up a check at a time, because a look-up cannot be cancelled and a dead resolver would otherwise fill
//! the pool with waiting threads.

use crate::probe::Turn;
use homeostat_vocabulary::ProbeFailure;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use tokio::net::TcpStream;

/// Of a name with many addresses, this many are tried.
const ADDRESSES_TRIED_MAX: usize = 4;

/// Opens a connection to the first of the host's addresses that accepts one.
pub async fn connect(host: &str, port: u16, turn: &Turn) -> Result<TcpStream, ProbeFailure> {
    let mut failure = ProbeFailure::other("the name has no address");
    for address in addresses(host, port, turn).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = of_connecting(&error),
        }
    }
    Err(failure)
}

/// Parts `HOST:PORT`; an IPv6 host stands in brackets.
pub fn part(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let well_formed = !bare.is_empty() && (bare.len() < host.len() || !bare.contains(':'));
    Some((bare, port.parse().ok()?)).filter(|_| well_formed)
}

fn of_connecting(error: &std::io::Error) -> ProbeFailure {
    match error.kind() {
        ErrorKind::ConnectionRefused => ProbeFailure::Refused,
        _ => ProbeFailure::other(&error.to_string()),
    }
}

async fn addresses(host: &str, port: u16, turn: &Turn) -> Result<Vec<SocketAddr>, ProbeFailure> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![(address, port).into()]);
    }
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]);
    }
    let token = turn.take()?;
    let name = host.to_owned();
    let look_up = move || {
        let found = (name.as_str(), port).to_socket_addrs().map(|found| found.take(ADDRESSES_TRIED_MAX).collect());
        drop(token);
        found
    };
    match tokio::task::spawn_blocking(look_up).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(ProbeFailure::other(&error.to_string())),
        Err(error) => Err(ProbeFailure::other(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn an_address_is_parted_at_its_last_colon() {
        // An IPv6 address cut at the wrong colon would be probed at a port nobody declared.
        assert_eq!(part("localhost:80"), Some(("localhost", 80)));
        assert_eq!(part("[::1]:8080"), Some(("::1", 8080)));
        for bad in ["", ":80", "host", "host:", "host:70000", "::1:80", "[]:1"] {
            assert_eq!(part(bad), None, "{bad:?}");
        }
    }
}
