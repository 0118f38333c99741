//! The gate: who may ask, from where, for how long.
//!
//! Runs before every handler, so an address that does not exist is as closed as one that does. On TCP: the token, and neither
//! host nor origin of another site (a web page can point its own name at 127.0.0.1 and speak to us from a browser). On the unix
//! socket: the same user, or root; the kernel says who it is.

use crate::code::Code;
use crate::problem::Refused;
use crate::routes::{HEALTH, Shared};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::header::{self, HeaderMap};
use std::net::IpAddr;

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Somebody on this machine, through TCP.
    Tcp,
    /// A process of this user, through the unix socket.
    Local {
        /// The user's number.
        uid: u32,
    },
}

impl Peer {
    /// How the peer is named in the journal.
    pub fn name(self) -> String {
        match self {
            Self::Tcp => "api token".to_owned(),
            Self::Local { uid } => format!("local user {uid}"),
        }
    }
}

/// Lets a request through, or answers it with the reason why not.
pub async fn admit(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let Some(peer) = request.extensions().get::<Peer>().copied() else {
        return Refused::new(Code::Fault, "a connection without a peer", "please report this").into_response();
    };
    let open = request.uri().path() == HEALTH;
    let verdict = match peer {
        Peer::Tcp => own_site(&request).and_then(|()| if open { Ok(()) } else { token(&shared, request.headers()) }),
        Peer::Local { uid } => same_user(uid, rustix::process::geteuid().as_raw()),
    };
    if let Err(problem) = verdict {
        return problem.into_response();
    }
    match tokio::time::timeout(shared.request_time_max, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("the request was not done within {} s", shared.request_time_max.as_secs());
            Refused::new(Code::TooSlow, detail, "send the whole request at once, or ask for less").into_response()
        }
    }
}

fn token(shared: &Shared, headers: &HeaderMap) -> Result<(), Refused> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given =
        given.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let hint = "send `Authorization: Bearer TOKEN`; the token is in the file `token` of the data folder";
    match given {
        None => Err(Refused::new(Code::NoToken, "the request bears no token", hint)),
        Some((_, given)) if shared.token.matches(given.trim()) => Ok(()),
        Some(_) => Err(Refused::new(Code::NoToken, "the token is not the one of this engine", hint)),
    }
}

fn same_user(peer: u32, own: u32) -> Result<(), Refused> {
    if peer == own || peer == 0 {
        return Ok(());
    }
    let detail = format!("this engine belongs to user {own}, and user {peer} asks");
    Err(Refused::new(Code::OtherUser, detail, "ask as that user or as root"))
}

/// Refuses a request that names another site as the one it is for, or as the one it comes from.
fn own_site(request: &Request) -> Result<(), Refused> {
    let refuse =
        |what: String| Refused::new(Code::OtherSite, what, "use http://127.0.0.1 or http://localhost, with the port");
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host =
        hosts.next().and_then(|value| value.to_str().ok()).ok_or_else(|| refuse("the request names no host".into()))?;
    if hosts.next().is_some() {
        return Err(refuse("the request names two hosts".into()));
    }
    let target = request.uri().authority().map(hyper::http::uri::Authority::as_str);
    for authority in std::iter::once(host).chain(target) {
        if !is_loopback(authority) {
            return Err(refuse(format!("the request is for {authority:?}, which is not this machine's own address")));
        }
    }
    for origin in request.headers().get_all(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or("?");
        let site = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        if !site.is_some_and(is_loopback) {
            return Err(refuse(format!("the request comes from a page of {origin:?}")));
        }
    }
    Ok(())
}

/// Whether `HOST` or `HOST:PORT` means this machine by itself, whatever a name server says.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        _ => authority,
    };
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_cannot_be_pointed_elsewhere_are_ours() {
        // A page at http://127.0.0.1.evil.example could speak to the engine from the owner's browser.
        for own in ["localhost", "LOCALHOST:5000", "127.0.0.1", "127.0.0.1:5000", "127.8.9.1:1", "[::1]", "[::1]:5000"]
        {
            assert!(is_loopback(own), "{own}");
        }
        for other in [
            "",
            ":5000",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example:5000",
            "0.0.0.0",
            "10.0.0.1",
        ] {
            assert!(!is_loopback(other), "{other}");
        }
        for other in ["localhost:5000:1", "127.0.0.1@evil", "[::]", "[::ffff:127.0.0.1", "2130706433"] {
            assert!(!is_loopback(other), "{other}");
        }
    }

    #[test]
    fn the_socket_is_for_the_same_user_and_root() {
        // Another user of the machine could stop the services.
        assert!(same_user(1000, 1000).is_ok() && same_user(0, 1000).is_ok());
        assert_eq!(same_user(1001, 1000).expect_err("another user").code, Code::OtherUser);
        assert!(same_user(1000, 0).is_err());
    }
}
