//! What goes both ways at once through the whole gateway, with raw bytes at either end: tunnels, early answers, trailers.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::house::House;

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/// A gateway in front of an origin that the test plays itself.
fn opened(more: &str) -> (House, TcpListener) {
    let origin = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = origin.local_addr().unwrap();
    let house = House::open(&format!(
        "{more}\n[gateway.routes.shop]\nto = \"shop\"\n[gateway.upstreams.shop]\nendpoints = [\"{address}\"]\n"
    ));
    (house, origin)
}

fn accept(origin: &TcpListener) -> TcpStream {
    let stream = origin.accept().unwrap().0;
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Reads until this has come; all that came.
fn until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(wanted) {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..count]);
    }
    String::from_utf8(seen).unwrap()
}

fn rest(stream: &mut TcpStream) -> String {
    let mut seen = String::new();
    stream.read_to_string(&mut seen).unwrap();
    seen
}

/// A client and an origin at the ends of one tunnel.
fn tunnelled(house: &House, origin: &TcpListener) -> (TcpStream, TcpStream) {
    let mut client = house.connect();
    client.write_all(UPGRADE.as_bytes()).unwrap();
    let mut server = accept(origin);
    let asked = until(&mut server, "\r\n\r\n").to_lowercase();
    assert!(asked.contains("upgrade: websocket\r\n"), "{asked}");
    server.write_all(SWITCHED.as_bytes()).unwrap();
    assert!(until(&mut client, "\r\n\r\n").starts_with("HTTP/1.1 101 "));
    (client, server)
}

#[test]
fn either_end_of_a_tunnel_may_end_first() {
    // Would break: the last words of one side are lost because the other side has said its own.
    let (house, origin) = opened("");
    for client_is_first in [true, false] {
        let (client, server) = tunnelled(&house, &origin);
        let (mut first, mut last) = if client_is_first { (client, server) } else { (server, client) };
        first.write_all(b"that was all").unwrap();
        first.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&mut last), "that was all", "client first: {client_is_first}");
        last.write_all(b"then goodbye").unwrap();
        last.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&mut first), "then goodbye", "client first: {client_is_first}");
    }
    let metrics = house.order("GET /metrics", "");
    assert!(metrics.contains("gateway_tunnels_total{route=\"shop\"} 2"), "{metrics}");
}

#[test]
fn a_silent_tunnel_is_closed_on_both_sides() {
    // Would break: tunnels whose ends have forgotten them pile up, whole ones and those that are closed on one side.
    let (house, origin) = opened("[gateway.limits]\ntunnel_timeout = \"200ms\"\n");
    let (mut client, mut server) = tunnelled(&house, &origin);
    let (mut half_client, mut half_server) = tunnelled(&house, &origin);
    half_client.shutdown(Shutdown::Write).unwrap();
    for end in [&mut client, &mut server, &mut half_client, &mut half_server] {
        assert_eq!(end.read(&mut [0; 1]).unwrap_or(0), 0);
    }
}

#[test]
fn an_early_answer_reaches_a_client_that_waits_to_send() {
    // Would break: whoever asks before sending a large body is left waiting, or has to send it for nothing.
    let (house, origin) = opened("");
    for status in ["417 Expectation Failed", "413 Content Too Large", "200 OK"] {
        let mut client = house.connect();
        client
            .write_all(
                b"POST /up HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n",
            )
            .unwrap();
        let mut server = accept(&origin);
        until(&mut server, "\r\n\r\n");
        server.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\nearly").as_bytes()).unwrap();
        let answer = until(&mut client, "early");
        assert!(answer.contains(&format!("HTTP/1.1 {}", &status[..3])), "{answer}");
        // Half a request lies on both connections: neither can have another one.
        assert!(answer.to_lowercase().contains("connection: close\r\n"), "{answer}");
        assert_eq!(rest(&mut client), "");
        assert_eq!(server.read(&mut [0; 1]).unwrap_or(0), 0);
    }
}

#[test]
fn who_is_refused_is_not_asked_for_the_body_first() {
    // Would break: a client is told to go on with a body that the gateway itself will not take.
    let (house, _) = opened(
        "[gateway.limits]\nrequest_body_max = \"10B\"\n[gateway.routes.closed]\npath = \"/closed\"\nrespond = { status = 403 }\n",
    );
    for (path, length, status) in [("/closed", 5, 403), ("/up", 11, 413)] {
        let answer = house.talk(format!(
            "POST {path} HTTP/1.1\r\nHost: shop.test\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        ));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}

#[test]
fn a_body_that_was_asked_for_goes_on_whole() {
    // Would break: `100 Continue` of the gateway or of the upstream is taken for the answer, or is never said.
    let (house, origin) = opened("");
    let mut client = house.connect();
    client
        .write_all(b"POST /up HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        .unwrap();
    assert_eq!(until(&mut client, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"body").unwrap();
    let mut server = accept(&origin);
    assert!(until(&mut server, "body").ends_with("\r\n\r\nbody"));
    server.write_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok").unwrap();
    let answer = until(&mut client, "ok");
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
}

#[test]
fn trailers_pass_both_ways() {
    // Would break: a checksum or a status that is known only at the end is lost on the way.
    let (house, origin) = opened("");
    let mut client = house.connect();
    client
        .write_all(
            b"POST /s HTTP/1.1\r\nHost: shop.test\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nup\r\n",
        )
        .unwrap();
    let mut server = accept(&origin);
    until(&mut server, "2\r\nup\r\n");
    server.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndown\r\n").unwrap();
    until(&mut client, "4\r\ndown\r\n");
    client.write_all(b"0\r\nx-sum: 12\r\n\r\n").unwrap();
    assert!(until(&mut server, "\r\n\r\n").to_lowercase().ends_with("0\r\nx-sum: 12\r\n\r\n"));
    server.write_all(b"0\r\nserver-timing: all;dur=1\r\n\r\n").unwrap();
    assert!(until(&mut client, "\r\n\r\n").to_lowercase().ends_with("0\r\nserver-timing: all;dur=1\r\n\r\n"));
}

/// A gateway that was told of an origin by the engine, which the test plays itself.
fn told(more: &str) -> (House, TcpListener) {
    let origin = TcpListener::bind("127.0.0.1:0").unwrap();
    let house = House::open(&format!("{more}\n[gateway.routes.shop]\nto = \"shop\"\n"));
    tell_of(&house, "shop/0", origin.local_addr().unwrap());
    (house, origin)
}

/// Tells the gateway of the one instance that there is.
pub fn tell_of(house: &House, name: &str, address: SocketAddr) {
    let list = format!("{{\"services\":{{\"shop\":[{{\"name\":\"{name}\",\"address\":\"{address}\"}}]}}}}");
    assert!(house.order("PUT /v1/endpoints", &list).starts_with("HTTP/1.1 204"));
}

pub fn nobody() -> SocketAddr {
    ([127, 0, 0, 1], 9).into()
}

#[test]
fn a_tunnel_does_not_hold_its_instance_up() {
    // Would break: one open WebSocket holds each stop of an instance up for the whole grace.
    let (house, origin) = told("");
    let (mut client, mut server) = tunnelled(&house, &origin);
    tell_of(&house, "shop/1", nobody());
    until_none_leaves(&house);
    server.write_all(b"still there").unwrap();
    assert_eq!(until(&mut client, "there"), "still there");
}

#[test]
fn an_answer_that_never_ends_does_not_hold_its_instance_up_for_long() {
    // Would break: one open feed of events holds each stop of an instance up for the whole grace.
    let (house, origin) = told("[gateway.routes.same]\nto = \"shop\"\npath = \"/same\"\ncoalesce = true\n");
    let feeds = ["/feed", "/same"].map(|path| {
        let mut client = house.connect();
        client.write_all(format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n").as_bytes()).unwrap();
        let mut server = accept(&origin);
        until(&mut server, "\r\n\r\n");
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        server.write_all(format!("{head}5\r\nfirst\r\n").as_bytes()).unwrap();
        until(&mut client, "first");
        (client, server)
    });
    tell_of(&house, "shop/1", nobody());
    assert!(!none_leaves(&house), "it may end in a moment");
    until_none_leaves(&house);
    for (mut client, mut server) in feeds {
        server.write_all(b"4\r\nnext\r\n").unwrap();
        until(&mut client, "next");
    }
}

pub fn none_leaves(house: &House) -> bool {
    house.order("GET /v1/leaving", "").ends_with("[]")
}

pub fn until_none_leaves(house: &House) {
    let began = Instant::now();
    while !none_leaves(house) {
        assert!(began.elapsed() < Duration::from_secs(30), "it is waited for still");
        std::thread::sleep(Duration::from_millis(20));
    }
}
