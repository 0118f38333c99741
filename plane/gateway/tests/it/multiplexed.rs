//! Upstreams that speak HTTP/2, and what their answers say after a good head.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use homeostat_wire::{Body, Drain, Handler, Limits, Listener, Peer, Request, Response, serve};
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use http_body_util::StreamBody;

use crate::house::House;

/// How the answers of a server end.
#[derive(Clone, Copy)]
enum End {
    /// As they should.
    Well,
    /// In the middle.
    BrokenOff,
    /// With trailers in which gRPC says that it failed.
    GrpcFailed,
    /// With trailers in which gRPC says that the caller made a mistake.
    GrpcRefused,
}

impl Handler for End {
    async fn handle(&self, _: Request, _: &Arc<Peer>) -> Response {
        let data = Ok(Frame::data(Bytes::from_static(b"half")));
        let status = |number: &'static str| {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static(number));
            Ok(Frame::trailers(trailers))
        };
        let end = match self {
            Self::Well => status("0"),
            Self::BrokenOff => Err(std::io::Error::other("broken off")),
            Self::GrpcFailed => status("14"),
            Self::GrpcRefused => status("3"),
        };
        let mut response = Response::new(Body::boxed(StreamBody::new(stream::iter([data, end]))));
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
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

#[test]
fn mistakes_of_callers_say_nothing_against_an_endpoint() {
    // Would break: one caller with bad arguments takes a good endpoint away from all others.
    assert!(!is_doubted([End::Well, End::GrpcRefused], 200));
}
