//! Compressed answers: which, by which coding, and that every byte arrives, and in time.

use crate::{headers, text};
use bytes::Bytes;
use homeostat_edge::Compressor;
use homeostat_edge::compress::{Compressing, choose};
use homeostat_routing::settings::{Coding, Compression};
use http::header::HeaderMap;
use http::{Method, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::io::Read;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

const ALL: [Coding; 3] = [Coding::Zstd, Coding::Brotli, Coding::Gzip];

/// A body as an upstream sends it: data, pauses, an error, trailers.
#[derive(Clone, Debug)]
enum Step {
    Data(Bytes),
    Pause,
    Error,
    Trailers,
}

/// Such a body, or the compressed one around it: what the gateway's one type is there.
enum Played {
    Plain(VecDeque<Step>),
    Compressed(Box<Compressing<Played>>),
}

impl Body for Played {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        match self.get_mut() {
            Self::Plain(steps) => match steps.pop_front() {
                None => Poll::Ready(None),
                Some(Step::Data(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(Step::Error) => Poll::Ready(Some(Err("broken off".to_owned()))),
                Some(Step::Trailers) => Poll::Ready(Some(Ok(Frame::trailers(headers(&[("grpc-status", "0")]))))),
                Some(Step::Pause) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
            },
            Self::Compressed(body) => Pin::new(body).poll_frame(cx).map_err(|error| error.to_string()),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Plain(steps) if steps.is_empty())
    }
}

fn answer(fields: &[(&str, &str)], steps: impl IntoIterator<Item = Step>) -> Response<Played> {
    let mut response = Response::new(Played::Plain(steps.into_iter().collect()));
    *response.headers_mut() = headers(fields);
    response
}

fn send(accepted: &str, response: Response<Played>) -> Response<Played> {
    let compressor = Compressor::new(&Compression::default());
    let wrap = |body| Played::Compressed(Box::new(body));
    compressor.compress(&Method::GET, &headers(&[("accept-encoding", accepted)]), response, wrap)
}

fn decode(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match coding {
        "gzip" => flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).map(drop),
        "br" => brotli::Decompressor::new(bytes, 4_096).read_to_end(&mut plain).map(drop),
        "zstd" => zstd::stream::read::Decoder::new(bytes).unwrap().read_to_end(&mut plain).map(drop),
        other => panic!("no coding {other}"),
    }
    .unwrap();
    plain
}

const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

fn large() -> Step {
    Step::Data("{\"a\": 1}".repeat(1_000).into())
}

#[test]
fn the_client_gets_the_coding_it_likes_best() {
    // Would break: a client gets what it said it cannot read.
    for (accepted, expected) in [
        ("gzip", Some(Coding::Gzip)),
        ("x-gzip", Some(Coding::Gzip)),
        ("gzip, deflate, br, zstd", Some(Coding::Zstd)),
        ("gzip, deflate, br", Some(Coding::Brotli)),
        ("gzip;q=1.0, br;q=0.5", Some(Coding::Gzip)),
        ("GZIP", Some(Coding::Gzip)),
        ("*", Some(Coding::Zstd)),
        ("*;q=0.5, zstd;q=0", Some(Coding::Brotli)),
        ("gzip;q=0, *", Some(Coding::Zstd)),
        ("gzip;q=0", None),
        ("*;q=0", None),
        ("identity", None),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip", Some(Coding::Gzip)),
        ("deflate", None),
        ("", None),
        ("gzip;q=x", None),
        ("gzip;q=5, br", Some(Coding::Brotli)),
    ] {
        assert_eq!(choose(&headers(&[("accept-encoding", accepted)]), &ALL), expected, "{accepted:?}");
    }
    assert_eq!(choose(&HeaderMap::new(), &ALL), None);
}

#[tokio::test]
async fn an_answer_is_compressed_and_says_so() {
    // Would break: browsers show garbage, caches mix answers up, ranges and digests of other bytes are believed.
    for coding in ["gzip", "br", "zstd"] {
        let fields = [
            JSON,
            ("content-length", "8000"),
            ("etag", "\"v1\""),
            ("accept-ranges", "bytes"),
            ("content-digest", "sha-256=:x:"),
        ];
        let response = send(coding, answer(&fields, [large(), Step::Trailers]));
        assert_eq!(text(response.headers(), "content-encoding"), Some(coding));
        assert_eq!(text(response.headers(), "etag"), Some("W/\"v1\""));
        assert_eq!(text(response.headers(), "vary"), Some("accept-encoding"));
        assert!(
            ["content-length", "accept-ranges", "content-digest"]
                .iter()
                .all(|name| !response.headers().contains_key(*name))
        );
        let collected = response.into_body().collect().await.unwrap();
        assert_eq!(text(collected.trailers().unwrap(), "grpc-status"), Some("0"));
        let bytes = collected.to_bytes();
        assert!(bytes.len() < 500 && decode(coding, &bytes) == "{\"a\": 1}".repeat(1_000).as_bytes());
    }
}

#[test]
fn what_must_not_be_touched_is_not() {
    // Would break: an image grows, a part of a file is no part any more, a signed answer is changed.
    let untouched = |fields: &[(&str, &str)], status: u16| {
        let mut response = answer(fields, [large()]);
        *response.status_mut() = status.try_into().unwrap();
        let sent = send("gzip, br, zstd", response);
        (sent.headers().len() == fields.len()) && matches!(sent.body(), Played::Plain(_))
    };
    assert!(!untouched(&[JSON], 200) && !untouched(&[JSON], 404) && !untouched(&[("content-type", "TEXT/html")], 200));
    assert!(!untouched(&[JSON, ("content-encoding", "identity")], 200));
    for (fields, status) in [
        (&[JSON, ("content-encoding", "gzip")][..], 200),
        (&[JSON, ("content-encoding", "aws-chunked")], 200),
        (&[JSON, ("content-range", "bytes 0-9/10")], 200),
        (&[JSON], 206),
        (&[JSON], 204),
        (&[JSON], 304),
        (&[JSON, ("cache-control", "max-age=1, No-Transform")], 200),
        (&[JSON, ("content-length", "1023")], 200),
        (&[("content-type", "image/png")], 200),
        (&[("content-type", "application/json-seq")], 200),
        (&[("content-type", "textual/html")], 200),
        (&[], 200),
    ] {
        assert!(untouched(fields, status), "{fields:?} {status}");
    }
    let plain = send("identity", answer(&[JSON], [large()]));
    assert_eq!((text(plain.headers(), "vary"), plain.headers().len()), (Some("accept-encoding"), 2));
    let compressor = Compressor::new(&Compression::default());
    let head = compressor.compress(
        &Method::HEAD,
        &headers(&[("accept-encoding", "gzip")]),
        answer(&[JSON, ("content-length", "8000")], []),
        |_| unreachable!(),
    );
    assert!(text(head.headers(), "content-encoding") == Some("gzip") && !head.headers().contains_key("content-length"));
}

#[test]
fn an_event_arrives_when_it_happens() {
    // Would break: events of a stream wait in the encoder until more of them come.
    for coding in ["gzip", "br", "zstd"] {
        let event = |number: u32| format!("data: {number}\n\n");
        let steps = (0..5).flat_map(|number| [Step::Data(event(number).into()), Step::Pause]);
        let mut body = send(coding, answer(&[("content-type", "text/event-stream")], steps)).into_body();
        let mut cx = Context::from_waker(Waker::noop());
        let (mut received, mut expected) = (Vec::new(), String::new());
        for number in 0..5 {
            let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut cx) else {
                panic!("event {number} is held")
            };
            received.extend_from_slice(frame.data_ref().unwrap());
            expected.push_str(&event(number));
            assert_eq!(decode_begun(coding, &received), expected.as_bytes(), "{coding}");
        }
    }
}

/// What can be read of a stream that has not ended.
fn decode_begun(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut reader: Box<dyn Read + '_> = match coding {
        "gzip" => Box::new(flate2::read::GzDecoder::new(bytes)),
        "br" => Box::new(brotli::Decompressor::new(bytes, 4_096)),
        _ => Box::new(zstd::stream::read::Decoder::new(bytes).unwrap()),
    };
    let (mut plain, mut byte) = (Vec::new(), [0]);
    while matches!(reader.read(&mut byte), Ok(1)) {
        plain.push(byte[0]);
    }
    plain
}

#[tokio::test]
async fn a_broken_answer_is_seen_to_be_broken() {
    // Would break: half an answer looks whole, because the encoder put an end to it.
    for coding in ["gzip", "br", "zstd"] {
        let mut body = send(coding, answer(&[JSON], [large(), Step::Pause, Step::Error])).into_body();
        let mut outcome = None;
        while let Some(frame) = body.frame().await {
            outcome = Some(frame.map(drop));
        }
        assert_eq!(outcome, Some(Err("broken off".to_owned())));
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let data = prop_oneof![
        3 => proptest::collection::vec(any::<u8>(), 0..2_000).prop_map(|bytes| Step::Data(bytes.into())),
        1 => (any::<u8>(), 0_usize..300_000).prop_map(|(byte, count)| Step::Data(vec![byte; count].into())),
        1 => Just(Step::Pause),
    ];
    proptest::collection::vec(data, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_byte_arrives_however_it_was_cut(steps in steps(), coding in prop::sample::select(vec!["gzip", "br", "zstd"])) {
        // Would break: a byte is lost or doubled where pieces, pauses and the encoder's own buffers meet.
        let sent: Vec<u8> = steps.iter().filter_map(|step| if let Step::Data(data) = step { Some(data.to_vec()) } else { None }).flatten().collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = send(coding, answer(&[JSON], steps)).into_body();
        let received = runtime.block_on(body.collect()).unwrap().to_bytes();
        prop_assert_eq!(decode(coding, &received), sent);
    }
}
