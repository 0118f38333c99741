//! The handshake of WebSocket over HTTP/1.1 (RFC 6455), made for a client that asks by HTTP/2 and has none of its own: `h2` has the
//! request ask, and `client` has the answer checked.
//!
//! What always holds: the key is fresh and of ours alone, whatever the client sent; who does not give the one answer that it is owed
//! gets no tunnel.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{Extensions, Method, Request, StatusCode};
use sha1::{Digest, Sha1};

use crate::headers::{has_token, is_upgrade};
use crate::refusal::Refusal;

/// The protocol, as both versions name it.
pub(crate) const WEBSOCKET: &str = "websocket";
/// Bytes of a key.
const KEY_BYTES: usize = 16;
/// What a server puts behind the key before it hashes: nobody does so by accident.
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What the upstream owes as `Sec-WebSocket-Accept`; an extension of the request.
#[derive(Debug, Clone)]
struct Owed(HeaderValue);

/// Makes a request the GET that asks for a WebSocket.
pub(crate) fn ask<B>(request: &mut Request<B>) {
    let mut nonce = [0; KEY_BYTES];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut nonce).expect("the system has random bytes, as it must for TLS");
    let key = STANDARD.encode(nonce);
    let owed = Owed(text(&accept(key.as_bytes())));
    *request.method_mut() = Method::GET;
    request.extensions_mut().insert(owed);
    let headers = request.headers_mut();
    headers.remove(SEC_WEBSOCKET_ACCEPT);
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
    headers.insert(SEC_WEBSOCKET_KEY, text(&key));
}

/// Whether an answer with status 101 is the one that the request is owed; any is where nothing is owed, and the client looks itself.
pub(crate) fn is_granted(request: &Extensions, answer: &HeaderMap) -> bool {
    let Some(Owed(owed)) = request.get::<Owed>() else { return true };
    let mut accepted = answer.get_all(SEC_WEBSOCKET_ACCEPT).iter();
    let is_owed = accepted.next() == Some(owed) && accepted.next().is_none();
    is_owed && is_upgrade(answer) && has_token(answer, &UPGRADE, WEBSOCKET)
}

/// Whether a request was an extended CONNECT (RFC 8441), and only looks like the GET of HTTP/1.1.
pub fn is_extended_connect(request: &Extensions) -> bool {
    request.get::<Owed>().is_some()
}

/// What the client of an extended CONNECT hears: a granted WebSocket is a good answer there, and any other good answer would be taken
/// for one.
pub fn heard_of_connect(answer: StatusCode) -> StatusCode {
    match answer {
        StatusCode::SWITCHING_PROTOCOLS => StatusCode::OK,
        answer if answer.is_success() => Refusal::WebSocket.status().unwrap_or(StatusCode::BAD_GATEWAY),
        answer => answer,
    }
}

fn accept(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(MAGIC).finalize())
}

fn text(base64: &str) -> HeaderValue {
    HeaderValue::from_str(base64).expect("base64 is visible text")
}

#[cfg(test)]
mod tests {
    use super::accept;

    // Would break: every handshake, with every server.
    #[test]
    fn the_accept_of_the_rfc_is_ours() {
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
