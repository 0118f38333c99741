//! Upstreams that speak HTTP/2, and what their answers say after a good head.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};
use homeostat_wire::{Body, Drain, Handler, Limits, Listener, Peer, Request, Response, serve};
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};

use crate::house::House;
use crate::stage::number;
use crate::streams::{nobody, none_leaves, tell_of, until_none_leaves};

/// How the answers of a server end.
#[derive(Clone, Copy)]
enum End {
    /// As they should.
    Well,
    /// In the middle.
    BrokenOff,
    /// With trailers in which gRPC says that it failed.
    GrpcFailed,
    /// With trailers in which gRPC says that there is no room.
    GrpcFull,
    /// With trailers in which gRPC says that the caller made a mistake.
    GrpcRefused,
    /// With trailers that mean nothing, as it is no gRPC.
    LooksFailed,
    /// Well, once it has the whole request.
    Hears,
    /// With the body of the request, and its head is there before.
    Talks,
    /// Never, as a call does that goes on and on.
    Never,
    /// Well, as its length says, but that it was all it never says.
    Silent,
}

impl Handler for End {
    async fn handle(&self, request: Request, _: &Arc<Peer>) -> Response {
        let mut heard = request.into_body();
        if matches!(self, Self::Talks) {
            let first = stream::iter([Ok(Frame::data(Bytes::from_static(b"half")))]);
            let rest = stream::unfold(heard, |mut heard| async { Some((heard.frame().await?, heard)) });
            return Response::new(Body::boxed(StreamBody::new(first.chain(rest))));
        }
        if matches!(self, Self::Hears) {
            while let Some(Ok(_)) = heard.frame().await {}
        }
        if matches!(self, Self::Never | Self::Silent) {
            let all = stream::iter([Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(b"half")))])
                .chain(stream::pending());
            let mut response = Response::new(Body::boxed(StreamBody::new(all)));
            if matches!(self, Self::Never) {
                response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
                return response;
            }
            response.headers_mut().insert("content-length", HeaderValue::from_static("4"));
            response.headers_mut().insert("cache-control", HeaderValue::from_static("max-age=60"));
            return response;
        }
        let data = Ok(Frame::data(Bytes::from_static(b"half")));
        let status = |number: &'static str| {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static(number));
            Ok(Frame::trailers(trailers))
        };
        let end = match self {
            Self::Well | Self::Hears | Self::Talks | Self::Never | Self::Silent => status("0"),
            Self::BrokenOff => Err(std::io::Error::other("broken off")),
            Self::GrpcFailed | Self::LooksFailed => status("14"),
            Self::GrpcFull => status("8"),
            Self::GrpcRefused => status("3"),
        };
        let mut response = Response::new(Body::boxed(StreamBody::new(stream::iter([data, end]))));
        let kind = if matches!(self, Self::LooksFailed) { "text/plain" } else { "application/grpc" };
        response.headers_mut().insert("content-type", HeaderValue::from_static(kind));
        response
    }
}

/// Starts a server that ends with the test.
fn start(end: End) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), false).unwrap();
            tell.send(listener.local_address().unwrap()).unwrap();
            serve(listener, Arc::new(Limits::default()), end, Drain::new()).await;
        });
    });
    told.recv().unwrap()
}

/// Whether any of these is doubted after so many requests at most.
fn is_doubted(endings: [End; 2], requests: usize) -> bool {
    let [one, other] = endings.map(start);
    let house = House::open(&format!(
        "[gateway.routes.shop]\nto = \"shop\"\n\
         [gateway.upstreams.shop]\nendpoints = [\"{one}\", \"{other}\"]\nprotocol = \"http2\"\n"
    ));
    (0..requests).any(|_| {
        assert!(house.get("/").starts_with("HTTP/1.1 200"));
        let seen = house.order("GET /v1/endpoints", "");
        seen.contains("\"doubted\"") || seen.contains("\"ejected\"")
    })
}

#[test]
fn an_endpoint_that_breaks_off_its_streams_is_doubted() {
    // Would break: over HTTP/2 whoever sends good heads and half bodies is liked like everybody else.
    assert!(is_doubted([End::Well, End::BrokenOff], 2_000));
}

#[test]
fn an_endpoint_whose_calls_fail_in_their_trailers_is_doubted() {
    // Would break: a gRPC server that fails every call after its first message is liked like everybody else.
    assert!(is_doubted([End::Well, End::GrpcFailed], 2_000));
}

/// Whether those are doubted of whom this is asked, at a time when they certainly were told of: those beside them, told of later, are.
fn is_doubted_beside_broken(ending: End, more: &str, mut ask: impl FnMut(&House)) -> bool {
    let [one, other, broken, well] = [ending, ending, End::BrokenOff, End::Well].map(start);
    let house = House::open(&format!(
        "[gateway.routes.shop]\nto = \"shop\"\n{more}\
         [gateway.upstreams.shop]\nendpoints = [\"{one}\", \"{other}\"]\nprotocol = \"http2\"\n\
         [gateway.routes.zoo]\nto = \"zoo\"\npath = \"/zoo\"\n\
         [gateway.upstreams.zoo]\nendpoints = [\"{broken}\", \"{well}\"]\nprotocol = \"http2\"\n"
    ));
    let is_bad = |seen: &str, address: SocketAddr| {
        let (_, from) = seen.split_once(&format!("\"{address}\"")).expect("it is told of");
        let own = from.split('}').next().unwrap_or_default();
        own.contains("\"doubted\"") || own.contains("\"ejected\"")
    };
    for _ in 0..2_000 {
        ask(&house);
        house.get("/zoo");
        let seen = house.order("GET /v1/endpoints", "");
        if [one, other].iter().any(|address| is_bad(&seen, *address)) {
            return true;
        }
        if is_bad(&seen, broken) {
            return false;
        }
    }
    panic!("nobody was ever doubted");
}

fn ask_well(house: &House) {
    assert!(house.get("/").starts_with("HTTP/1.1 200"));
}

#[test]
fn an_endpoint_that_is_full_at_the_end_of_its_calls_is_left_alone_for_a_moment() {
    // Would break: a gRPC server that says after its first message that it is full is sent as much as before, or taken for broken.
    let address = start(End::GrpcFull);
    let house = House::open(&format!(
        "[gateway.routes.shop]\nto = \"shop\"\n\
         [gateway.upstreams.shop]\nendpoints = [\"{address}\"]\nprotocol = \"grpc\"\n"
    ));
    let series = format!("resilience_endpoint_room{{stack=\"shop>shop\",endpoint=\"{address}\"}}");
    let room = || number(&house.order("GET /metrics", ""), &series);
    assert_eq!(room(), 0.0);
    ask_well(&house);
    assert_eq!(room(), 1.0);
    assert!(!house.order("GET /v1/endpoints", "").contains("\"doubted\""));
}

#[test]
fn mistakes_of_callers_say_nothing_against_an_endpoint() {
    // Would break: one caller with bad arguments takes a good endpoint away from all others.
    assert!(!is_doubted_beside_broken(End::GrpcRefused, "", ask_well));
}

#[test]
fn what_is_called_a_status_of_grpc_is_none_in_another_answer() {
    // Would break: a field that means nothing there takes a good endpoint away.
    assert!(!is_doubted_beside_broken(End::LooksFailed, "", ask_well));
}

const CHUNKED: &str =
    "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\nx\r\n";
const LIMITED: &str = "request_body_max = \"1KiB\"\nresilience = { attempts_max = 1 }\n";

fn too_much() -> String {
    format!("800\r\n{}\r\n0\r\n\r\n", "x".repeat(0x800))
}

#[test]
fn a_body_that_is_too_long_says_nothing_against_an_endpoint() {
    // Would break: whoever uploads too much, again and again, takes every endpoint away from all others, and is told of a bad gateway.
    assert!(!is_doubted_beside_broken(End::Hears, LIMITED, |house| {
        let refused = house.talk(format!("{CHUNKED}{}", too_much()));
        assert!(refused.starts_with("HTTP/1.1 413"), "{refused}");
    }));
}

#[test]
fn a_body_that_grows_too_long_after_the_head_of_the_answer_says_nothing_against_an_endpoint() {
    // Would break: the same by a call that goes both ways, where the answer is reset in its middle.
    assert!(!is_doubted_beside_broken(End::Talks, LIMITED, |house| {
        let mut client = house.connect();
        client.write_all(CHUNKED.as_bytes()).unwrap();
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains("half") {
            let mut piece = [0; 1_024];
            let count = client.read(&mut piece).unwrap();
            assert!(count > 0, "{}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&piece[..count]);
        }
        assert!(seen.starts_with(b"HTTP/1.1 200"));
        // The gateway may close before all of it is there.
        let _ = client.write_all(too_much().as_bytes());
        let _ = client.read_to_end(&mut seen);
    }));
}

#[test]
fn an_answer_that_is_here_is_kept_though_its_stream_has_not_ended() {
    // Would break: of an upstream that says separately that it has sent all, nothing is ever kept.
    let address = start(End::Silent);
    let house = House::open(&format!(
        "[gateway.routes.shop]\nto = \"shop\"\ncache = {{}}\n\
         [gateway.upstreams.shop]\nendpoints = [\"{address}\"]\nprotocol = \"http2\"\n"
    ));
    assert!(house.get("/").ends_with("half"));
    assert!(house.get("/").ends_with("half"));
    let metrics = house.order("GET /metrics", "");
    assert!(metrics.contains("resilience_call_seconds_count{stack=\"shop>shop\"} 1\n"), "{metrics}");
}

#[test]
fn a_call_that_never_ends_does_not_hold_its_instance_up_for_long() {
    // Would break: one open stream of gRPC holds each stop of an instance up for the whole grace.
    let settings = "[gateway.routes.shop]\nto = \"shop\"\n[gateway.upstreams.shop]\nprotocol = \"grpc\"\n";
    let house = House::open(settings);
    tell_of(&house, "shop/0", start(End::Never));
    let mut client = house.connect();
    client.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"half\r\n") {
        let mut piece = [0; 1_024];
        let count = client.read(&mut piece).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..count]);
    }
    tell_of(&house, "shop/1", nobody());
    assert!(!none_leaves(&house), "it may end in a moment");
    until_none_leaves(&house);
    client.set_nonblocking(true).unwrap();
    let still = client.read(&mut [0; 16]).unwrap_err();
    assert_eq!(still.kind(), std::io::ErrorKind::WouldBlock, "the call goes on");
}
