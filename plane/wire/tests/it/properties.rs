//! The algebra of the parsers: any split of the same bytes gives the same result, and what is written is what is read.

use bytes::{Bytes, BytesMut};
use homeostat_wire::Refusal;
use homeostat_wire::chunk::{CHUNK_END, Decoder, LAST_CHUNK, Step, encode_size};
use homeostat_wire::head::{Framed, Framing, HeadLimits, Scan, encode_request, parse};
use proptest::prelude::*;

const LIMITS: HeadLimits = HeadLimits { bytes_max: 4096, fields_max: 20 };

/// What a parser says of bytes that come in these pieces: the request as text with its length, or the refusal.
fn parse_in_pieces(pieces: &[&[u8]]) -> Option<Result<(String, usize), Refusal>> {
    let (mut scan, mut seen) = (Scan::default(), BytesMut::new());
    for piece in pieces {
        seen.extend_from_slice(piece);
        match parse(&Bytes::copy_from_slice(&seen), &mut scan, &LIMITS) {
            Ok(None) => {}
            Ok(Some((head, used))) => return Some(Ok((format!("{head:?}"), used))),
            Err(refusal) => return Some(Err(refusal)),
        }
    }
    None
}

/// The body and the bytes that it took, or that it is malformed; none while it is incomplete.
fn decode_in_pieces(pieces: &[&[u8]]) -> Option<Result<(Vec<u8>, usize), ()>> {
    let (mut decoder, mut buffer, mut body, mut total) = (Decoder::new(1024), BytesMut::new(), Vec::new(), 0);
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match decoder.step(&buffer) {
                Err(_) => return Some(Err(())),
                Ok(Step::More { used }) => {
                    total += used;
                    let _ = buffer.split_to(used);
                    break;
                }
                Ok(Step::Data { start, end }) => {
                    total += end;
                    body.extend_from_slice(&buffer.split_to(end)[start..]);
                }
                Ok(Step::End { used, .. }) => return Some(Ok((body, total + used))),
            }
        }
    }
    None
}

fn pieces(bytes: &[u8], cuts: Vec<prop::sample::Index>) -> Vec<&[u8]> {
    let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.sort_unstable();
    let ends = cuts.iter().copied().chain([bytes.len()]);
    let starts = [0].into_iter().chain(cuts.iter().copied());
    starts.zip(ends).map(|(start, end)| &bytes[start..end]).collect()
}

/// Bytes that are nearly a request: the words of one, in any order and number, with noise between them.
fn nearly_a_request() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "GET",
        " ",
        "/",
        "a?b",
        "HTTP/1.1",
        "\r\n",
        "\n",
        "\r",
        "Host: x",
        "Host:",
        "Content-Length: 1",
        "Transfer-Encoding: chunked",
        ": ",
        "\t",
        "\0",
        "\u{fc}",
        "Connection: close",
        "http://x/",
    ]);
    let tail = prop::collection::vec(word, 0..8).prop_map(|words| words.concat());
    let start = prop::sample::select(vec!["GET / HTTP/1.1\r\nHost: x\r\n", "POST /a HTTP/1.1\r\n", ""]);
    (start, tail, prop::bool::ANY)
        .prop_map(|(start, tail, ended)| format!("{start}{tail}{}", if ended { "\r\n\r\n" } else { "" }).into_bytes())
}

fn nearly_chunks() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "0\r\n",
        "\r\n",
        "3\r\nabc\r\n",
        "3",
        "a",
        ";x=\"y\"",
        ";",
        "\"",
        "A: b\r\n",
        "\n",
        "10\r\n0123456789abcdef\r\n",
        "f",
        "-",
    ]);
    prop::collection::vec(word, 0..12).prop_map(|words| words.concat().into_bytes())
}

proptest! {
    // Would break: a request that is read in another way when the network cuts it in another place.
    #[test]
    fn a_head_is_the_same_in_any_pieces(bytes in nearly_a_request(), cuts: Vec<prop::sample::Index>) {
        prop_assert_eq!(parse_in_pieces(&[&bytes]), parse_in_pieces(&pieces(&bytes, cuts)));
    }

    // Would break: a body that ends elsewhere when the network cuts it in another place.
    #[test]
    fn a_chunked_body_is_the_same_in_any_pieces(bytes in nearly_chunks(), cuts: Vec<prop::sample::Index>) {
        prop_assert_eq!(decode_in_pieces(&[&bytes]), decode_in_pieces(&pieces(&bytes, cuts)));
    }

    // Would break: chunks of ours that we would not read ourselves.
    #[test]
    fn written_chunks_are_read_back(parts: Vec<Vec<u8>>, behind: Vec<u8>, cuts: Vec<prop::sample::Index>) {
        let mut bytes = Vec::new();
        for part in parts.iter().filter(|part| !part.is_empty()) {
            encode_size(part.len(), &mut bytes);
            bytes.extend_from_slice(part);
            bytes.extend_from_slice(CHUNK_END);
        }
        bytes.extend_from_slice(LAST_CHUNK);
        bytes.extend_from_slice(CHUNK_END);
        let length = bytes.len();
        bytes.extend_from_slice(&behind);
        prop_assert_eq!(decode_in_pieces(&pieces(&bytes, cuts)), Some(Ok((parts.concat(), length))));
    }

    // Would break: a forwarded request that an upstream reads otherwise than we did.
    #[test]
    fn a_written_request_is_read_back(
        path in "/[a-z0-9/._~-]{0,20}(\\?[a-z=&]{0,10})?",
        fields in prop::collection::vec(("x-[a-z]{1,8}", "[!-~]([ -~]{0,20}[!-~])?"), 0..10),
        length: Option<u64>,
    ) {
        let mut request = http::Request::builder().method("PUT").uri(&path).header("host", "a.test:81");
        for (name, value) in &fields {
            request = request.header(name, value);
        }
        let request = request.body(()).unwrap();
        let framed = length.map_or(Framed::Chunked, Framed::Length);
        let mut bytes = Vec::new();
        encode_request(&request, framed, &([127, 0, 0, 1], 1).into(), &mut bytes);
        let (head, used) = parse(&Bytes::from(bytes.clone()), &mut Scan::default(), &LIMITS).unwrap().unwrap();
        prop_assert_eq!(used, bytes.len());
        prop_assert_eq!(head.framing, length.map_or(Framing::Chunked, Framing::Length));
        prop_assert_eq!(head.request.uri(), request.uri());
        for (name, _) in &fields {
            let read: Vec<_> = head.request.headers().get_all(name).iter().collect();
            let written: Vec<_> = request.headers().get_all(name).iter().collect();
            prop_assert_eq!(read, written);
        }
    }
}
