//! The PROXY protocol: the pure parser, and a listener that asks for it.

use std::sync::Arc;

use homeostat_wire::proxy::{Parsed, parse};
use homeostat_wire::{Body, Drain, Handler, Limits, Listener, Peer, Request, Response, serve};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::server::read_to_end;

const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\0\x50\x01\xbb";

fn header(used: usize, source: &str, target: &str) -> Parsed {
    Parsed::Header { used, addresses: Some((source.parse().unwrap(), target.parse().unwrap())) }
}

// Would break: an address that is not the one in the header, or a header that is taken before it is whole.
#[test]
fn good_headers_are_read_whole() {
    let cases: [(&[u8], Parsed); 6] = [
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 80 443\r\n", header(35, "1.2.3.4:80", "5.6.7.8:443")),
        (b"PROXY TCP6 ::1 2001:db8::1 1 65535\r\n", header(36, "[::1]:1", "[2001:db8::1]:65535")),
        (b"PROXY UNKNOWN\r\n", Parsed::Header { used: 15, addresses: None }),
        (b"PROXY UNKNOWN ffff::1 x 1 2\r\n", Parsed::Header { used: 29, addresses: None }),
        (V2, header(28, "1.2.3.4:80", "5.6.7.8:443")),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", Parsed::Header { used: 16, addresses: None }),
    ];
    for (bytes, parsed) in cases {
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end]), Parsed::More, "{bytes:?} at {end}");
        }
        assert_eq!(parse(bytes), parsed);
        assert_eq!(parse(&[bytes, b"GET / HTTP/1.1\r\n"].concat()), parsed);
    }
}

// Would break: an address that somebody made up in a header that is none.
#[test]
fn bad_headers_are_refused() {
    let mut long = b"PROXY UNKNOWN ".to_vec();
    long.resize(107, b'a');
    let cases: [&[u8]; 16] = [
        b"GET / HTTP/1.1\r\n",
        b"proxy TCP4 1.2.3.4 5.6.7.8 80 443\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 80 443\n",
        b"PROXY TCP4 1.2.3.4  5.6.7.8 80 443\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 80\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 80 443 1\r\n",
        b"PROXY TCP4 ::1 ::2 80 443\r\n",
        b"PROXY TCP6 1.2.3.4 5.6.7.8 80 443\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 080 443\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 +80 443\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 80 65536\r\n",
        b"PROXY TCP4 1.2.3 5.6.7.8 80 443\r\n",
        &long,
        b"\r\n\r\n\0\r\nQUIT\n\x11\x11\0\x0c",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04\x01\x02\x03\x04",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
    ];
    for bytes in cases {
        assert_eq!(parse(bytes), Parsed::Bad, "{:?}", String::from_utf8_lossy(bytes));
    }
}

#[derive(Clone)]
struct Address;

impl Handler for Address {
    async fn handle(&self, _: Request, peer: &Arc<Peer>) -> Response {
        Response::new(Body::full(format!("{} {}", peer.address, peer.hop.ip())))
    }
}

// Would break: a listener behind a balancer that serves without the header, or believes it from anybody.
#[tokio::test]
async fn a_listener_asks_for_the_header() {
    let ask = async |trusted: &str, bytes: &[u8], at: usize| {
        let listener = Listener::bind(([127, 0, 0, 1], 0).into(), false).unwrap();
        let listener = listener.with_proxy_protocol(&[trusted.parse().unwrap()]);
        let address = listener.local_address().unwrap();
        tokio::spawn(serve(listener, Arc::new(Limits::default()), Address, Drain::new()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&bytes[..at]).await.unwrap();
        tokio::task::yield_now().await;
        let _ = stream.write_all(&bytes[at..]).await;
        read_to_end(&mut stream).await
    };
    let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let all = [V2, request].concat();
    for at in [0, 1, 13, 20, 28, 30] {
        assert!(ask("127.0.0.0/8", &all, at).await.ends_with("1.2.3.4:80 127.0.0.1"));
    }
    assert_eq!(ask("127.0.0.0/8", request, 0).await, "");
    assert_eq!(ask("10.0.0.0/8", &all, 0).await, "");
}
