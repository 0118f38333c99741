//! What is kept of endpoints, what is told of them, and what they are told.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::house::{House, Origin, ok};

fn shop(origin: &Origin, route: &str, upstream: &str) -> String {
    format!(
        "[gateway.routes.shop]\nto = \"shop\"\n{route}\n[gateway.upstreams.shop]\nendpoints = [\"{}\"]\n{upstream}\n",
        origin.address
    )
}

#[test]
fn an_endpoint_that_breaks_off_its_answers_is_doubted() {
    // Would break: whoever sends good heads and half bodies is liked like everybody else.
    let good = Origin::named("whole");
    let bad =
        Origin::start(|_, _| b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100000\r\n\r\nhalf".to_vec());
    let house = House::open(&format!(
        "[gateway.routes.shop]\nto = \"shop\"\n[gateway.upstreams.shop]\nendpoints = [\"{}\", \"{}\"]\n",
        good.address, bad.address
    ));
    let is_doubted = (0..2_000).any(|_| {
        house.get("/");
        let seen = house.order("GET /v1/endpoints", "");
        seen.contains("\"doubted\"") || seen.contains("\"ejected\"")
    });
    assert!(is_doubted);
}

#[test]
fn ten_thousand_endpoints_are_set_and_listed() {
    // Would break: with as many endpoints as are allowed a list takes seconds, and the engine, which waits for two, goes without.
    let house =
        House::open("[gateway.routes.shop]\nto = \"shop\"\n[gateway.routes.all]\nto = \"shop\"\nhost = \"all.test\"\n");
    let places: Vec<String> = (0..10_000)
        .map(|n| format!("{{\"name\": \"shop/{n}\", \"address\": \"127.1.{}.{}:9\"}}", n / 250, n % 250))
        .collect();
    let lists = format!("{{\"services\": {{\"shop\": [{}]}}}}", places.join(","));
    assert!(house.order("PUT /v1/endpoints", &lists).starts_with("HTTP/1.1 204"));
    let listed = house.order("GET /v1/endpoints", "");
    assert_eq!(listed.matches("\"standing\":\"liked\"").count(), 10_000);
    assert!(listed.contains("\"name\":\"shop/9999\""));
    // Told again, as the engine does all the time, and then all are gone.
    assert!(house.order("PUT /v1/endpoints", &lists).starts_with("HTTP/1.1 204"));
    assert!(house.order("PUT /v1/endpoints", "{\"services\": {\"shop\": []}}").starts_with("HTTP/1.1 204"));
    assert!(!house.order("GET /v1/endpoints", "").contains("shop/0"));
}

#[test]
fn a_connection_that_was_opened_otherwise_is_not_used_again() {
    // Would break: after TLS was asked for, requests go on over the connections in clear text that were kept.
    let origin = Origin::named("clear");
    let house = House::open(&shop(&origin, "", ""));
    for _ in 0..8 {
        assert!(house.get("/").ends_with("clear"));
    }
    let before = origin.connections.load(Ordering::SeqCst);
    let changed = shop(&origin, "", "connect_timeout = \"1500ms\"");
    assert!(house.reload(&changed).starts_with("HTTP/1.1 200"));
    assert!(house.get("/").ends_with("clear"));
    assert_eq!(origin.connections.load(Ordering::SeqCst), before + 1);
}

#[test]
fn an_upstream_can_be_asked_by_its_own_name() {
    // Would break: a host of many sites does not know the name that the client used.
    let origin = Origin::start(|head, _| ok(head));
    let house = House::open(&shop(&origin, "", "host_header = \"upstream\""));
    let answer = house.get("/").to_lowercase();
    assert!(answer.contains(&format!("\r\nhost: {}\r\n", origin.address)), "{answer}");
}

#[test]
fn a_listener_without_http2_speaks_none_in_clear_text() {
    // Would break: what was switched off is spoken to whoever begins with it.
    let origin = Origin::named("shop");
    let house = House::open(&format!(
        "[gateway.listeners.old]\naddress = \"127.0.0.1:0\"\nhttp2 = false\n{}",
        shop(&origin, "", "").replace("[gateway.routes", "\n[gateway.routes")
    ));
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    // The usual listener speaks it; a frame of settings comes back.
    let mut usual = house.connect();
    usual.write_all(preface.as_bytes()).unwrap();
    let mut frame = [0; 9];
    usual.read_exact(&mut frame).unwrap();
    assert_eq!(frame[3], 4, "settings");
    let address = house.addresses["old"];
    let mut old = std::net::TcpStream::connect(address).unwrap();
    old.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    old.write_all(preface.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = old.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 505"), "{answer}");
}

#[test]
fn a_successor_that_hangs_holds_up_nothing() {
    // Would break: whoever opens the socket of the take-over and is silent keeps the gateway from its own end.
    let origin = Origin::named("shop");
    let house = House::open(&shop(&origin, "", ""));
    let silent = UnixStream::connect(house.folder.path().join("gateway.handover")).unwrap();
    let mut sockets = [0];
    // It has been taken up: the sockets were sent.
    (&silent).read_exact(&mut sockets).unwrap();
    house.order("POST /v1/drain", "{}");
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        house.ended();
        tell.send(()).unwrap();
    });
    // Less than the half minute that a successor is waited for.
    assert!(told.recv_timeout(Duration::from_secs(20)).is_ok());
}

#[test]
fn what_a_failed_successor_took_is_had_again() {
    // Would break: after a new version that fails at its start, the old one serves, and takes no orders until it is ended.
    let origin = Origin::named("shop");
    let house = House::open(&shop(&origin, "", ""));
    let [control, door] = ["gateway.sock", "gateway.handover"].map(|name| house.folder.path().join(name));
    let failing = UnixStream::connect(&door).unwrap();
    let mut sockets = [0];
    (&failing).read_exact(&mut sockets).unwrap();
    // As a successor does that is killed before it says that it is ready: its sockets stay, and nobody listens.
    for place in [&control, &door] {
        std::fs::remove_file(place).unwrap();
        drop(std::os::unix::net::UnixListener::bind(place).unwrap());
    }
    drop(failing);
    let began = std::time::Instant::now();
    while [&control, &door].iter().any(|place| UnixStream::connect(place).is_err()) {
        assert!(began.elapsed() < Duration::from_secs(20), "nobody listens");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(house.order("GET /v1/status", "").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_service_that_did_not_come_is_called_for_again() {
    // Would break: after one start that failed, the engine hears of the next request only at the end of its long poll.
    let house = House::open(
        "[gateway.routes.shop]\nto = \"shop\"\n[gateway.upstreams.shop]\nactivation = { wait_max = \"100ms\" }\n",
    );
    let number = || {
        let answer = house.order("GET /v1/activations?after=0&wait_ms=0", "");
        answer.split("\"number\":").nth(1).unwrap().split(',').next().unwrap().to_owned()
    };
    assert!(house.get("/").starts_with("HTTP/1.1 503"));
    let first = number();
    assert!(house.get("/").starts_with("HTTP/1.1 503"));
    assert_ne!(number(), first);
}

#[test]
fn a_call_of_grpc_ends_when_its_client_gives_up() {
    // Would break: attempts go on for a client that has said how long it waits.
    let origin = Origin::start(|_, _| {
        std::thread::sleep(Duration::from_secs(4));
        ok("too late")
    });
    let house = House::open(&shop(&origin, "", ""));
    let ask = "GET / HTTP/1.1\r\nHost: shop.test\r\nGrpc-Timeout: 100m\r\nConnection: close\r\n\r\n";
    let answer = house.talk(ask);
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
}

#[test]
fn a_digest_is_compared_only_where_there_is_a_body() {
    // Would break: every HEAD of an upstream that sends digests is an error.
    let origin = Origin::start(|_, _| {
        b"HTTP/1.1 200 OK\r\nContent-Digest: sha-256=:AAAA:\r\nContent-Length: 5\r\n\r\n".to_vec()
    });
    let house = House::open(&shop(&origin, "whole_answer = { digest = true }", ""));
    let answer = house.talk("HEAD / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
